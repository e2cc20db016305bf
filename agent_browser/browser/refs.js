// Playwright's side of a ref: a selector engine that asks our isolated world, over a secret event, for
// the element of `<document token>.<number>`. `name:x` after another selector tells that world which
// element the selector found; `names:{...}` does so for every element that Playwright gave a ref of its
// own, which it keeps on the element in this world, and finds what that world says of them, as the text
// of an element that is in no document. Both worlds share the DOM and nothing else.
(() => {
  const bridge = 'BRIDGE';
  const ask = (root, selector) => {
    const home = root.ownerDocument || root;
    let found = null;
    const hear = event => { found = event.composedPath()[0]; };
    home.addEventListener(bridge + ':here', hear, true);
    home.dispatchEvent(new CustomEvent(bridge + ':ask', { detail: selector }));
    home.removeEventListener(bridge + ':here', hear, true);
    return found;
  };
  const name = (root, text) => {
    root.dispatchEvent(new CustomEvent(bridge + ':name', { detail: text, bubbles: true, composed: true }));
    return root;
  };
  // One event a root (the document, a shadow root), for all that was named in it, by their places in it.
  const most = 20000;
  const names = top => {
    const roots = [top];
    let count = 0;
    while (roots.length && count < most) {
      const root = roots.pop();
      const places = [];
      root.querySelectorAll('*').forEach((element, place) => {
        if (element.shadowRoot) roots.push(element.shadowRoot);
        if (element._ariaRef && count++ < most) places.push([place, element._ariaRef.ref]);
      });
      if (places.length) {
        const detail = JSON.stringify(places);
        root.firstElementChild.dispatchEvent(new CustomEvent(bridge + ':names', { detail, composed: true }));
      }
    }
  };
  const taken = (home, how) => {
    let said = '';
    const hear = event => { said = event.detail; };
    home.addEventListener(bridge + ':taken', hear, true);
    home.dispatchEvent(new CustomEvent(bridge + ':take', { detail: how }));
    home.removeEventListener(bridge + ':taken', hear, true);
    const slip = home.createElement('div');
    slip.textContent = said;
    return slip;
  };
  const query = (root, selector) => {
    if (selector.startsWith('names:')) {
      names(root);
      return taken(root.ownerDocument || root, selector.slice(6));
    }
    return selector.startsWith('name:') ? name(root, selector.slice(5)) : ask(root, selector);
  };
  return {
    query,
    queryAll: (root, selector) => {
      const found = query(root, selector);
      return found ? [found] : [];
    },
  };
})()
