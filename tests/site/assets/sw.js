// Answers /sw-greeting itself, so that a page can tell whether a worker stands before the network.
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (new URL(event.request.url).pathname === '/sw-greeting') {
    event.respondWith(new Response('from the service worker'));
  }
});
