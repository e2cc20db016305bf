log('late script ran');
