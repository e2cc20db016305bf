// A document written down for reading: what is shown of it as clean HTML, open shadow roots in their
// places, and values by CSS selectors. Runs in our isolated world, beside the collector, of which it
// takes `parts`; the page sees none of it. Every walk is bounded and goes as deep as a page nests.
parts => {
  const { find, isSecret, isShown, childrenOf, tagOf, textOf, numberOfFrame } = parts;
  const uncurry = code => Function.prototype.call.bind(code);
  const getter = (kind, name) => uncurry(Object.getOwnPropertyDescriptor(kind.prototype, name).get);
  const [nodeTypeOf, contentOf] = ['nodeType', 'textContent'].map(n => getter(Node, n));
  const [localNameOf, attributesOf, shadowOf] = ['localName', 'attributes', 'shadowRoot'].map(n => getter(Element, n));
  const dataOf = getter(CharacterData, 'data');
  const shownTextOf = getter(HTMLElement, 'innerText');
  const [attribute, hasAttribute] = ['getAttribute', 'hasAttribute'].map(n => uncurry(Element.prototype[n]));
  const select = root => (nodeTypeOf(root) === Node.ELEMENT_NODE
    ? Element.prototype.querySelectorAll : DocumentFragment.prototype.querySelectorAll);

  const SKIPPED = new Set([
    'head', 'script', 'style', 'noscript', 'template', 'canvas', 'object', 'embed', 'audio', 'video', 'link',
    'meta', 'title', 'source', 'track', 'datalist', 'desc', 'metadata', 'defs',
  ]);
  const NEVER_SHOWN = new Set(['head', 'script', 'style', 'template', 'link', 'meta', 'title', 'base']);
  const VOID = new Set(['br', 'hr', 'img', 'input', 'wbr', 'col']);
  const LEAN = new Set([
    'alt', 'title', 'rel', 'colspan', 'rowspan', 'start', 'type', 'datetime', 'lang', 'scope', 'role', 'open',
  ]);
  const DROPPED = /^(on.*|style|srcdoc|srcset|nonce|integrity|ping|value|checked|selected|href|src|xmlns.*)$/;
  const PLAIN = /^[a-z][a-z0-9-]*$/;
  const VALUE_LIMIT = 2000;
  const URL_LIMIT = 8192;
  const NO_ADDRESS = /^(javascript|data|blob|vbscript):/i;

  const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  const escape = text => text.replace(/[&<>"]/g, sign => ESCAPES[sign]);
  const cleaned = text => text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '');

  const absolute = address => {
    try {
      const made = new URL(address, document.baseURI).href;
      return NO_ADDRESS.test(made) || made.length > URL_LIMIT ? null : made;
    } catch {
      return null;
    }
  };

  const written = (name, value) => ` ${name}="${escape(cleaned(String(value).slice(0, URL_LIMIT)))}"`;

  const tagFor = (element, tag, full) => {
    let text = `<${tag}`;
    for (const { name, value } of attributesOf(element)) {
      if (DROPPED.test(name) || !PLAIN.test(name)) continue;
      if (!full && !LEAN.has(name) && !(name === 'class' && tag === 'code')) continue;
      text += written(name, value.slice(0, VALUE_LIMIT));
    }
    for (const name of ['href', 'src']) {
      const address = hasAttribute(element, name) ? absolute(attribute(element, name)) : null;
      if (address !== null) text += written(name, address);
    }
    return text + stateOf(element, tag) + '>';
  };

  // What is in a field now, but never in one whose text is a secret.
  const stateOf = (element, tag) => {
    if (tag === 'option') return element.selected ? ' selected=""' : '';
    if (tag !== 'input') return '';
    const type = element.type;
    if (type === 'checkbox' || type === 'radio') return element.checked ? ' checked=""' : '';
    return type === 'file' || isSecret(element, type) ? '' : written('value', element.value.slice(0, VALUE_LIMIT));
  };

  const isGone = element => {
    const style = getComputedStyle(element);
    if (style.display === 'none' || style.contentVisibility === 'hidden') return true;
    return style.visibility === 'visible';
  };

  // Whether it is shown and what is in it is not.
  const holdsBack = element => (hasAttribute(element, 'hidden') || hasAttribute(element, 'style'))
    && getComputedStyle(element).contentVisibility === 'hidden';
  const isElement = node => nodeTypeOf(node) === Node.ELEMENT_NODE;
  const isSummary = node => isElement(node) && tagOf(node) === 'summary';

  // The document below `top` as HTML. A frame is a comment with the token and the frame's number:
  // comments of the page's own are never written.
  const write = (top, { full, frames, limit, nodes, depth }) => {
    const out = [];
    const inside = [];
    let [size, seen, open, cut] = [0, 0, 0, false];
    const put = text => { out.push(text); size += text.length; };
    const ahead = [top];
    const below = (element, close) => {
      if (close !== null) ahead.push(close);
      const children = childrenOf(element);
      const only = close === null ? isElement : tagOf(element) === 'details' && !element.open ? isSummary : null;
      for (let at = children.length - 1; at >= 0; at--) {
        if (only === null || only(children[at])) ahead.push(children[at]);
      }
    };
    const through = element => {
      const children = childrenOf(element);
      for (let at = children.length - 1; at >= 0; at--) ahead.push(children[at]);
    };
    const visit = node => {
      const kind = nodeTypeOf(node);
      if (kind === Node.TEXT_NODE) {
        const text = dataOf(node);
        const room = limit - size;
        cut ||= text.length > room;
        put(escape(cleaned(text.slice(0, room))));
      } else if (kind === Node.ELEMENT_NODE) {
        enter(node);
      }
    };
    const enter = element => {
      const tag = localNameOf(element);
      if (SKIPPED.has(tag)) return;
      if (!isShown(element) && tag !== 'option' && tag !== 'optgroup' && tag !== 'br' && tag !== 'wbr') {
        if (!isGone(element)) below(element, null);
        return;
      }
      if (tag === 'iframe' || tag === 'frame') {
        if (!frames) return;
        const number = numberOfFrame(element);
        inside.push([number, open]);
        put(`<!--${agentBrowser.token}:${number}-->`);
        return;
      }
      // Of a drawing only its texts are read; each stands apart from the next.
      if (tag === 'text' || tag === 'svg') put(' ');
      if (tag === 'frameset' || tagOf(element) === '' || !PLAIN.test(tag) || open >= depth) return through(element);
      put(tagFor(element, tag, full));
      if (VOID.has(tag)) return;
      open++;
      if (holdsBack(element)) { ahead.push(`</${tag}>`); return; }
      if (tag !== 'textarea') return below(element, `</${tag}>`);
      const text = isSecret(element, 'textarea') ? '' : element.value.slice(0, limit - size);
      put(escape(cleaned(text)));
      ahead.push(`</${tag}>`);
    };
    while (ahead.length) {
      const next = ahead.pop();
      if (typeof next === 'string') { put(next); open--; continue; }
      if (size >= limit || ++seen > nodes) { cut = true; continue; }
      try {
        visit(next);
      } catch {
        // What a page made of one node must not hide the others.
      }
    }
    return { html: out.join(''), inside, cut };
  };

  const head = () => ({
    url: location.href.slice(0, URL_LIMIT), title: document.title.slice(0, VALUE_LIMIT),
    lang: (attribute(document.documentElement, 'lang') || '').slice(0, 64),
  });

  let held = '';

  // A document as HTML: its first `piece` characters, and how many there are.
  const read = ({ root, piece, ...asked }) => {
    const top = root === null ? document.documentElement : find(root);
    if (!top) return { found: false };
    const { html, inside, cut } = write(top, asked);
    held = html.length > piece ? html : '';
    return { found: true, html: html.slice(0, piece), size: html.length, inside, cut, ...head() };
  };

  // More characters of the document that was read last.
  const more = (from, to) => {
    const text = held.slice(from, to);
    if (to >= held.length) held = '';
    return text;
  };

  const shadowsIn = root => {
    const found = [];
    const hosts = [root, ...select(root).call(root, '*')];
    for (const element of hosts) {
      const shadow = nodeTypeOf(element) === Node.ELEMENT_NODE ? shadowOf(element) : null;
      if (shadow) found.push(shadow);
    }
    return found;
  };

  // What matches below the root; in open shadow roots, whichever is nearest, if nothing outside does.
  const matching = (root, selector) => {
    let level = [root];
    for (let depth = 0; depth < 8 && level.length; depth++) {
      const found = level.flatMap(at => [...select(at).call(at, selector)]);
      if (found.length) return found;
      level = level.flatMap(shadowsIn);
    }
    return [];
  };

  const valueOf = (element, rule, room) => {
    const tag = tagOf(element);
    if (rule.attr) {
      if (!hasAttribute(element, rule.attr) && rule.attr !== 'value') return null;
      if (rule.attr === 'value' && 'value' in element && /^(input|textarea|select)$/.test(tag)) {
        return isSecret(element, element.type) ? null : String(element.value).slice(0, room);
      }
      const value = attribute(element, rule.attr);
      if (/^(href|src|action|poster|cite)$/.test(rule.attr)) {
        try { return new URL(value, document.baseURI).href.slice(0, room); } catch { return value.slice(0, room); }
      }
      return value === null ? null : value.slice(0, room);
    }
    if (rule.type === 'html') {
      return write(element, { full: true, frames: false, limit: room, nodes: 100000, depth: 80 }).html;
    }
    if (tag === 'input' || tag === 'textarea') {
      return isSecret(element, element.type) ? null : String(element.value).slice(0, room);
    }
    if (tag === 'select') return textOf(element.selectedOptions[0] ?? element, room);
    const text = shadowOf(element) || tagOf(element) === '' ? textOf(element, room) :
      NEVER_SHOWN.has(tag) ? contentOf(element) : shownTextOf(element);
    return text.trim().slice(0, room);
  };

  // Values by the rules; `bad` is the rule whose selector is none.
  const fields = ({ root, rules, most, limit }) => {
    const top = root === null ? document.documentElement : find(root);
    if (!top) return { found: false };
    let [count, room, cut] = [0, limit, false];
    const one = (element, rule) => {
      if (rule.fields) return all(element, rule.fields);
      const value = valueOf(element, rule, room);
      room -= value === null ? 0 : value.length;
      cut ||= room <= 0;
      return value;
    };
    const taken = (at, rule, path) => {
      let found;
      try {
        found = rule.selector === null ? [at] : matching(at, rule.selector);
      } catch {
        throw { bad: path };
      }
      if (!rule.attr) found = found.filter(element => isShown(element) || NEVER_SHOWN.has(localNameOf(element)));
      if (!rule.all) return found.length ? one(found[0], rule) : null;
      const values = [];
      for (const element of found) {
        if (++count > most || room <= 0) { cut = true; break; }
        values.push(one(element, rule));
      }
      return values;
    };
    const all = (at, inner, path = '') => {
      const made = [];
      for (const [name, rule] of inner) made.push([name, taken(at, rule, path + name)]);
      return made;
    };
    try {
      return { found: true, values: all(top, rules), cut };
    } catch (error) {
      if (error && error.bad !== undefined) return { found: true, bad: error.bad };
      throw error;
    }
  };

  return { read, more, fields, head };
}
