// Playwright's side of a ref: a selector engine that asks our isolated world, over a secret event, for
// the element of `<document token>.<number>`. `name:x` after another selector tells that world which
// element the selector found. Both worlds share the DOM and nothing else.
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
  const query = (root, selector) =>
    selector.startsWith('name:') ? name(root, selector.slice(5)) : ask(root, selector);
  return {
    query,
    queryAll: (root, selector) => {
      const found = query(root, selector);
      return found ? [found] : [];
    },
  };
})()
