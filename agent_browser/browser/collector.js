// What can be acted on in one document, and where. Runs in an isolated world: the page sees none of it.
// Refs are identities: a number belongs to one element for the element's life, kept in a WeakMap.
// `bridge` is a secret event name by which the selector engine (refs.js), in Playwright's world, asks
// for the element of a number; `token` names this document.
(bridge, token) => {
  const ROLES = new Set([
    'button', 'link', 'checkbox', 'radio', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio',
    'option', 'switch', 'textbox', 'searchbox', 'combobox', 'listbox', 'slider', 'spinbutton',
    'treeitem',
  ]);
  const TAGS = new Set(['button', 'textarea', 'select', 'summary', 'input', 'area']);
  const NO_TEXT = new Set(['script', 'style', 'noscript', 'template', 'svg', 'title']);
  const HTML = 'http://www.w3.org/1999/xhtml';
  const VISIBLE = { visibilityProperty: true };
  const INPUT_ROLES = {
    button: 'button', submit: 'button', reset: 'button', image: 'button', file: 'button',
    checkbox: 'checkbox', radio: 'radio', range: 'slider', number: 'spinbutton', search: 'searchbox',
  };
  const TEXT_LIMIT = 80;
  const VALUE_LIMIT = 1000;
  const TITLE_LIMIT = 1000;
  const URL_LIMIT = 8192;
  const HOSTS = new Set([
    'article', 'aside', 'blockquote', 'div', 'footer', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'header', 'main', 'nav', 'p',
    'section', 'span',
  ]);
  const FRAMES = new Set(['iframe', 'frame', 'object', 'embed']);
  // Bounds of one look: how many rows are tried for what covers them and for how long (ms), how many
  // elements are asked about for a closed shadow root.
  const MOST_TRIED = 400;
  const TRYING_TIME = 50;
  const MOST_DOUBTS = 64;

  // A control named `children` hides the `children` of its form, in our world too: what is asked of
  // elements is taken from the prototypes. (Names that hide properties of the document are known to
  // the page's own world only.)
  const uncurry = work => Function.prototype.call.bind(work);
  const method = (kind, name) => uncurry(kind.prototype[name]);
  const getter = (kind, name) => uncurry(Object.getOwnPropertyDescriptor(kind.prototype, name).get);
  const listen = method(EventTarget, 'addEventListener');
  const dispatch = method(EventTarget, 'dispatchEvent');
  const [nodeTypeOf, ownerOf, contentOf, parentNodeOf, parentElementOf, nodesOf, isConnected] = [
    'nodeType', 'ownerDocument', 'textContent', 'parentNode', 'parentElement', 'childNodes', 'isConnected',
  ].map(name => getter(Node, name));
  const rootOf = method(Node, 'getRootNode');
  const [localNameOf, namespaceOf, shadowOf, slotOf, firstOf, lastOf, nextOf, previousOf] = [
    'localName', 'namespaceURI', 'shadowRoot', 'assignedSlot', 'firstElementChild', 'lastElementChild',
    'nextElementSibling', 'previousElementSibling',
  ].map(name => getter(Element, name));
  const [attribute, hasAttribute, hasAttributes, matches, closest, isDisplayed, animationsOf] = [
    'getAttribute', 'hasAttribute', 'hasAttributes', 'matches', 'closest', 'checkVisibility', 'getAnimations',
  ].map(name => method(Element, name));
  const [boundsOf, rectsOf, bringIntoView, moveBy] = [
    'getBoundingClientRect', 'getClientRects', 'scrollIntoView', 'scrollBy',
  ].map(name => method(Element, name));
  const [leftOf, topOf, widthOf, heightOf, innerWidthOf, innerHeightOf] = [
    'scrollLeft', 'scrollTop', 'scrollWidth', 'scrollHeight', 'clientWidth', 'clientHeight',
  ].map(name => getter(Element, name));
  const isContentEditable = getter(HTMLElement, 'isContentEditable');

  const numbers = new WeakMap();
  const elements = new Map();
  const places = new WeakMap();
  const secrets = new WeakSet();
  const frameNumbers = new WeakMap();
  // Whether there is a closed shadow root: by the name of a custom element, by element for the others.
  // Only the browser knows; `doubtful` are those that it is yet to be asked about.
  const closedNames = new Map();
  const closedHosts = new WeakMap();
  let doubtful = [];
  // The rows of the last look: they are not told again to who has them, if they are the same.
  let kept = { key: '', text: '', id: 0 };
  const KEPT_LIMIT = 500000;
  let lastFrame = 0;
  let unheard = [];
  let answers = 0;
  // Which labels a control has (by root) and which image a map belongs to, for the time of one call:
  // to ask each control for its labels goes through the document each time.
  const labels = new Map();
  const images = new Map();

  const fold = text => text.replace(/\s+/g, ' ').trim();
  const cut = (text, limit) => (text.length > limit ? text.slice(0, limit - 1) + '\u2026' : text);

  const find = number => {
    const element = elements.get(number)?.deref();
    return element && isConnected(element) && ownerOf(element) === document ? element : null;
  };

  const isElement = target => target !== window && nodeTypeOf(target) === 1;

  // The name of an HTML element, in XHTML and HTML alike; '' for one of another language.
  const tagOf = element => (namespaceOf(element) === HTML ? localNameOf(element) : '');

  // Within what an element is shown; the parent of what is at the top of a shadow is its host.
  const parentOf = element => {
    const parent = slotOf(element) || parentElementOf(element);
    if (parent) return parent;
    const top = parentNodeOf(element);
    return top && nodeTypeOf(top) === Node.DOCUMENT_FRAGMENT_NODE ? top.host ?? null : null;
  };

  const childrenOf = element => {
    const shadow = shadowOf(element);
    if (shadow) return shadow.childNodes;
    if (tagOf(element) === 'slot') {
      const assigned = element.assignedNodes();
      if (assigned.length) return assigned;
    }
    return nodesOf(element);
  };

  const isBoxless = element => getComputedStyle(element).display === 'contents';

  const imageOf = area => {
    const map = closest(area, 'map[name]');
    if (!map) return null;
    if (!images.has(map)) {
      const found = rootOf(map).querySelectorAll(`img[usemap="#${CSS.escape(map.name)}"]`);
      images.set(map, [...found].find(image => isDisplayed(image, VISIBLE)) ?? null);
    }
    return images.get(map);
  };

  // What has no box of its own (a slot, `display: contents`, an area of an image) is shown with its
  // parent's, its image's.
  const isShown = element => {
    if (isDisplayed(element, VISIBLE)) return true;
    if (tagOf(element) === 'area') return imageOf(element) !== null;
    const style = getComputedStyle(element);
    if (style.display !== 'contents' || style.visibility !== 'visible') return false;
    let [at, from] = [parentOf(element), element];
    while (at && isBoxless(at)) [at, from] = [parentOf(at), at];
    const isClosed = at && tagOf(at) === 'details' && !at.open && tagOf(from) !== 'summary';
    return at !== null && !isClosed && isDisplayed(at);
  };

  const textOf = (element, limit = TEXT_LIMIT, without = null) => {
    if (!firstOf(element) && !shadowOf(element) && tagOf(element) !== 'slot') {
      return cut(fold((contentOf(element) || '').slice(0, 20 * limit)), limit);
    }
    let text = '';
    let steps = 0;
    const visit = node => {
      for (const child of childrenOf(node)) {
        if (text.length > 4 * limit || ++steps > 2000) return;
        const type = nodeTypeOf(child);
        if (type === Node.TEXT_NODE) {
          text += child.data.slice(0, 20 * limit);
        } else if (type === Node.ELEMENT_NODE && !NO_TEXT.has(localNameOf(child))) {
          const { display } = getComputedStyle(child);
          if (child === without || !(display === 'contents' || isDisplayed(child))) continue;
          const tag = tagOf(child);
          if (tag === 'br') { text += ' '; continue; }
          if (tag === 'img') { text += ` ${child.alt} `; continue; }
          const apart = !/^inline|^contents/.test(display);
          if (apart) text += ' ';
          visit(child);
          if (apart) text += ' ';
        }
      }
    };
    visit(element);
    return cut(fold(text), limit);
  };

  const labelsOf = element => {
    const root = rootOf(element);
    let owners = labels.get(root);
    if (!owners) {
      labels.set(root, owners = new Map());
      for (const label of root.querySelectorAll('label')) {
        const control = label.control;
        if (!control) continue;
        if (owners.has(control)) owners.get(control).push(label);
        else owners.set(control, [label]);
      }
    }
    return owners.get(element) ?? [];
  };

  const labelOf = element => {
    const ids = attribute(element, 'aria-labelledby');
    if (ids) {
      const root = rootOf(element);
      const text = ids.split(/\s+/).map(id => root.getElementById(id)).map(found => (found ? contentOf(found) : '')).join(' ');
      if (text.trim()) return cut(fold(text), TEXT_LIMIT);
    }
    const label = attribute(element, 'aria-label');
    if (label && label.trim()) return cut(fold(label), TEXT_LIMIT);
    for (const owner of labelsOf(element)) {
      const text = textOf(owner, TEXT_LIMIT, element);
      if (text) return text;
    }
    return '';
  };

  const isEditable = element => namespaceOf(element) === HTML && isContentEditable(element);

  const roleOf = (element, type) => {
    const role = attribute(element, 'role');
    if (role) return role.trim().split(/\s+/)[0].toLowerCase();
    switch (tagOf(element)) {
      case 'a': case 'area': return hasAttribute(element, 'href') ? 'link' : null;
      case 'button': case 'summary': return 'button';
      case 'textarea': return 'textbox';
      case 'select': return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
      case 'input': return INPUT_ROLES[type] || (element.list ? 'combobox' : 'textbox');
    }
    return isEditable(element) ? 'textbox' : null;
  };

  const isSecret = (element, type) => {
    if (type === 'password' || /password|one-time-code|cc-/i.test(attribute(element, 'autocomplete') || '')) {
      secrets.add(element);
    }
    return secrets.has(element);
  };

  const isActing = element => {
    if (!hasAttributes(element)) return TAGS.has(tagOf(element));
    const tag = tagOf(element);
    if (TAGS.has(tag)) return tag !== 'input' || element.type !== 'hidden';
    if (localNameOf(element) === 'a' && (hasAttribute(element, 'href') || hasAttribute(element, 'xlink:href'))) return true;
    const role = attribute(element, 'role');
    if (role && ROLES.has(role.trim().split(/\s+/)[0].toLowerCase())) return true;
    if (hasAttribute(element, 'onclick')) return true;
    const index = attribute(element, 'tabindex');
    if (index !== null && Number.parseInt(index, 10) >= 0) return true;
    const editable = attribute(element, 'contenteditable');
    return editable !== null && editable !== 'false' && isEditable(element);
  };

  // The bounds of a shape on an image, in the viewport; the coordinates count from where the image's
  // border and padding end.
  const boundsOnImage = area => {
    const image = imageOf(area);
    if (!image) return new DOMRect();
    const box = boundsOf(image);
    const style = getComputedStyle(image);
    const [scaleX, scaleY] = [box.width / image.offsetWidth || 1, box.height / image.offsetHeight || 1];
    const at = area.coords.split(',').map(Number.parseFloat);
    let [xs, ys] = [[0, image.clientWidth], [0, image.clientHeight]];
    if (/^circ/i.test(area.shape)) {
      [xs, ys] = [[at[0] - at[2], at[0] + at[2]], [at[1] - at[2], at[1] + at[2]]];
    } else if (!/^default$/i.test(area.shape)) {
      [xs, ys] = [at.filter((_, index) => index % 2 === 0), at.filter((_, index) => index % 2)];
    }
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    return new DOMRect(
      box.x + scaleX * (left + image.clientLeft + Number.parseFloat(style.paddingLeft)),
      box.y + scaleY * (top + image.clientTop + Number.parseFloat(style.paddingTop)),
      scaleX * (Math.max(...xs) - left), scaleY * (Math.max(...ys) - top),
    );
  };

  const rangeOf = element => {
    const range = new Range();
    range.selectNodeContents(element);
    return range;
  };

  const areaOf = element => {
    if (tagOf(element) === 'area') return boundsOnImage(element);
    const box = boundsOf(element);
    if (box.width > 0 && box.height > 0) return box;
    if (isBoxless(element)) {
      const held = rangeOf(element).getBoundingClientRect();
      if (held.width > 0 && held.height > 0) return held;
    }
    for (let child = firstOf(element); child; child = nextOf(child)) {
      const inner = boundsOf(child);
      if (inner.width > 0 && inner.height > 0 && isDisplayed(child, VISIBLE)) return inner;
    }
    return null;
  };

  const numberOf = (element, next) => {
    let number = numbers.get(element);
    if (number === undefined) {
      number = next.value++;
      numbers.set(element, number);
      elements.set(number, new WeakRef(element));
      unheard.push(number);
    }
    return number;
  };

  // An answer may be lost on its way (its call was cancelled, or superseded), and its numbers may be
  // given out elsewhere. `heard` is the last answer that arrived; the numbers of a later one are
  // taken back before any is given.
  const begin = (next, heard) => {
    if (heard !== `${token}:${answers}`) {
      for (const number of unheard) {
        const element = elements.get(number)?.deref();
        if (element && numbers.get(element) === number) numbers.delete(element);
        elements.delete(number);
      }
    }
    unheard = [];
    answers++;
    return { value: next };
  };

  const describe = (element, box, wantBox) => {
    const tag = tagOf(element);
    const type = tag === 'input' ? element.type : tag === 'button' ? attribute(element, 'type') : null;
    const row = { tag: localNameOf(element), role: roleOf(element, type) };
    const label = labelOf(element);
    let text = '';
    if (tag === 'select') {
      text = cut(fold([...element.selectedOptions].map(option => option.label).join(', ')), TEXT_LIMIT);
    } else if (tag === 'input') {
      if (type === 'submit' || type === 'reset' || type === 'button') text = cut(fold(element.value), TEXT_LIMIT);
      else if (type === 'image') text = element.alt;
    } else if (tag !== 'textarea') {
      text = textOf(element);
    }
    if (type) row.type = type;
    if (text) row.text = text;
    if (label) row.label = label;
    const holder = attribute(element, 'placeholder');
    if (holder) row.placeholder = cut(fold(holder), TEXT_LIMIT);
    const name = attribute(element, 'name');
    if (name) row.attr = cut(name, TEXT_LIMIT);
    const title = attribute(element, 'title') || attribute(element, 'alt');
    if (title) row.title = cut(fold(title), TEXT_LIMIT);
    if (row.tag === 'a' || tag === 'area') {
      const raw = attribute(element, 'href') ?? attribute(element, 'xlink:href');
      if (raw !== null) {
        row.raw = cut(raw.trim(), 100);
        row.href = typeof element.href === 'string' ? element.href.slice(0, URL_LIMIT) : raw;
      }
    }
    if (isSecret(element, type)) {
      row.secret = true;
    } else if (tag === 'textarea' || tag === 'select' || (tag === 'input' && type !== 'file')) {
      if (type !== 'checkbox' && type !== 'radio') row.value = String(element.value).slice(0, VALUE_LIMIT);
      else if (hasAttribute(element, 'value')) row.value = element.value.slice(0, VALUE_LIMIT);
    }
    const aria = attribute(element, 'aria-checked');
    if (type === 'checkbox' || type === 'radio') row.checked = element.checked;
    else if (aria !== null) row.checked = aria === 'true';
    if (matches(element, ':disabled') || attribute(element, 'aria-disabled') === 'true') row.disabled = true;
    if (wantBox) row.box = [box.x, box.y, box.width, box.height];
    return row;
  };

  // Whether the element has a closed shadow root; null where the browser must be asked. Of the elements
  // that are not custom ones only those are doubted that show something and hold nothing that is shown.
  const isClosed = (element, tag) => {
    if (shadowOf(element)) return false;
    if (tag.includes('-')) {
      return closedNames.get(tag) ?? (matches(element, ':defined') && isShown(element) ? null : false);
    }
    if (!HOSTS.has(tag)) return false;
    const known = closedHosts.get(element);
    if (known !== undefined) return known;
    const first = firstOf(element);
    if (first ? isDisplayed(first) || !isDisplayed(element) : /\S/.test(contentOf(element))) return false;
    return heightOf(element) > 0 && widthOf(element) > 0 && isShown(element) ? null : false;
  };
  const judge = verdicts => {
    verdicts.forEach((isOne, index) => {
      const element = doubtful[index];
      const name = localNameOf(element);
      if (name.includes('-')) closedNames.set(name, isOne);
      else closedHosts.set(element, isOne);
    });
    doubtful = [];
  };

  // The dialog that makes all else in its document inert, if one does. What is inert is not hit, so of
  // several the one that is hit is the last that was opened.
  const blocker = () => {
    const open = [...modalsIn(document)];
    if (open.length < 2) return open[0] ?? null;
    const isHit = dialog => {
      const place = placeOf(dialog);
      const top = place && hit(...place);
      return top !== null && holds(dialog, top);
    };
    return open.find(isHit) ?? open.find(dialog => matches(dialog, ':focus-within')) ?? open[open.length - 1];
  };
  const modalsIn = root => [...root.querySelectorAll('dialog')].filter(dialog => matches(dialog, ':modal'));

  const isInert = element => {
    for (let at = element; at; at = parentOf(at)) if (hasAttribute(at, 'inert') && tagOf(at) !== '') return true;
    return false;
  };

  // Where a look begins: the root, or the document, or what of it a modal dialog leaves to be acted on.
  const startOf = (root, modal) => {
    if (root === null || isInert(root)) return null;
    if (!modal || holds(modal, root)) return root;
    return holds(root, modal) ? modal : null;
  };

  // What of a box is neither scrolled nor cut away, as [left, top, right, bottom]; null if nothing is.
  const visiblePart = (element, box, view) => {
    let [left, top, right, bottom] = [
      Math.max(box.left, view[0]), Math.max(box.top, view[1]), Math.min(box.right, view[2]), Math.min(box.bottom, view[3]),
    ];
    for (let at = parentOf(element); at && at !== document.body && right > left && bottom > top; at = parentOf(at)) {
      const style = getComputedStyle(at);
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const clip = boundsOf(at);
      if (style.overflowX !== 'visible') [left, right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
      if (style.overflowY !== 'visible') [top, bottom] = [Math.max(top, clip.top), Math.min(bottom, clip.bottom)];
    }
    return right > left && bottom > top ? [left, top, right, bottom] : null;
  };

  // What is hit in an element's place takes the click for it: the element, what is in it, its label.
  const reaches = (element, top) => {
    for (let at = top; at; at = parentOf(at)) {
      if (at === element || (tagOf(at) === 'label' && at.control === element)) return true;
    }
    return false;
  };

  const viewOf = view => {
    const whole = [0, 0, innerWidth, innerHeight];
    if (!view) return whole;
    return [
      Math.max(view[0], 0), Math.max(view[1], 0), Math.min(view[2], whole[2]), Math.min(view[3], whole[3]),
    ];
  };

  // Says of each row that is out of sight that it is, and of the others what is in front of them.
  const mark = (found, view) => {
    const seen = viewOf(view);
    const until = performance.now() + TRYING_TIME;
    let tried = 0;
    for (const [row, element, box] of found) {
      if (!(box.right > seen[0] && box.left < seen[2] && box.bottom > seen[1] && box.top < seen[3])) {
        row.off = true;
      } else if (++tried <= MOST_TRIED && (tried % 16 || performance.now() < until)) {
        const place = placeOf(element);
        const top = place && hit(...place);
        if (!top || reaches(element, top)) continue;
        if (visiblePart(element, box, seen)) row.covered = name(top);
        else row.off = true;
      }
    }
  };

  const lineOf = row => [row.tag, row.type, row.role, row.text, row.label, row.placeholder, row.attr,
    row.title, row.raw, row.href, row.value].filter(Boolean).join(' ').toLowerCase();

  const here = () => ({
    url: location.href.slice(0, URL_LIMIT), title: document.title.slice(0, TITLE_LIMIT),
  });

  const collect = ({ next, heard, max, query, root, boxes, view, time, have }) => {
    const counter = begin(next, heard);
    const until = performance.now() + time;
    labels.clear();
    images.clear();
    const rows = [];
    const frames = [];
    const found = [];
    const doubts = new Map();
    let total = 0;
    let visited = 0;
    let isPartial = false;
    let inShadow = null;
    const needle = query ? query.toLowerCase() : null;
    const take = (element, closed) => {
      const box = areaOf(element);
      if (!box) return;
      places.set(element, [box.x, box.y, box.width, box.height]);
      if (needle === null && rows.length >= max) { total++; return; }
      const row = describe(element, box, boxes);
      if (closed) row.closed = true;
      if (needle !== null && !lineOf(row).includes(needle)) return;
      total++;
      if (rows.length < max) {
        row.n = numberOf(element, counter);
        rows.push(row);
        found.push([row, element, box]);
      }
    };
    // What is still to be looked at, the next one last: a page may nest deeper than calls can.
    const ahead = [];
    const below = (element, acts, shows) => {
      if (tagOf(element) === 'slot' && element.assignedNodes().length) {
        for (const child of element.assignedElements().reverse()) ahead.push([child, acts, shows]);
        return;
      }
      const shadow = shadowOf(element);
      let child = shadow ? shadow.lastElementChild : lastOf(element);
      for (; child; child = previousOf(child)) ahead.push([child, acts, shows]);
    };
    const visit = (element, within, pointer) => {
      const style = getComputedStyle(element);
      const tag = tagOf(element);
      if (style.display === 'none' && tag !== 'area') return;
      if (hasAttribute(element, 'inert') && tag !== '') return;
      if (FRAMES.has(tag)) {
        if (isShown(element)) {
          if (!frameNumbers.has(element)) frameNumbers.set(element, ++lastFrame);
          frames.push([frameNumbers.get(element), rows.length]);
        }
        if (tag !== 'object') return;
      }
      if (tag === 'dialog' && inShadow === null && rootOf(element) !== document && matches(element, ':modal')) {
        inShadow = element;
      }
      const closed = isClosed(element, tag);
      if (closed === null && doubts.size < MOST_DOUBTS) {
        const key = tag.includes('-') ? tag : element;
        if (!doubts.has(key)) doubts.set(key, element);
      }
      const shows = style.cursor === 'pointer';
      const acts = isActing(element) || (shows && !pointer && !within);
      if (tag !== 'select' && tag !== 'textarea' && tag !== 'input' && style.contentVisibility !== 'hidden') {
        below(element, within || acts, shows);
      }
      if ((acts || closed) && isShown(element)) take(element, closed);
    };
    const walk = top => {
      if (top) ahead.push([top, false, false]);
      while (ahead.length) {
        if (++visited % 512 === 0 && performance.now() > until) {
          isPartial = true;
          return;
        }
        try {
          visit(...ahead.pop());
        } catch {
          // What a page made of one element must not hide the others.
        }
      }
    };
    const top = root === null ? document.documentElement : find(root);
    walk(startOf(top, blocker()));
    if (inShadow !== null) {
      rows.length = frames.length = found.length = total = 0;
      walk(startOf(top, inShadow));
    }
    mark(found, view);
    doubtful = [...doubts.values()];
    for (const [number, held] of elements) if (!held.deref()) elements.delete(number);
    const text = JSON.stringify(rows);
    const key = JSON.stringify([max, query, root, boxes]);
    const isSame = have === `${token}:${kept.id}` && kept.key === key && kept.text === text;
    if (!isSame) kept = { key, text: text.length > KEPT_LIMIT ? '' : text, id: answers };
    const said = JSON.stringify({
      ...here(), frames, total, next: counter.value, answers, kept: kept.id,
      found: top !== null, partial: isPartial, doubts: doubtful.length,
    });
    return `{"rows":${isSame ? 'null' : text},${said.slice(1)}`;
  };

  // Turned or mirrored: where its content is can't be told from the bounds.
  const isTilted = element => {
    for (let at = element; at; at = parentOf(at)) {
      const style = getComputedStyle(at);
      if (style.rotate !== 'none' || style.offsetPath !== 'none') return true;
      if (style.transform === 'none') continue;
      const { is2D, a, b, c, d } = new DOMMatrixReadOnly(style.transform);
      if (!is2D || b !== 0 || c !== 0 || a < 0 || d < 0) return true;
    }
    return false;
  };

  // Where the document of a frame is in this one, how large its pixels are, what can be seen of it (in
  // pixels of its own) and what is in front of it.
  const inner = (element, view) => {
    const box = boundsOf(element);
    const style = getComputedStyle(element);
    const scale = (shown, laid) => (Math.abs(shown - laid) < 0.51 ? 1 : shown / laid || 1);
    const [scaleX, scaleY] = [scale(box.width, element.offsetWidth), scale(box.height, element.offsetHeight)];
    const [left, top, right, bottom] = ['Left', 'Top', 'Right', 'Bottom'].map(side => Number.parseFloat(style['padding' + side]));
    const x = box.x + scaleX * (element.clientLeft + left);
    const y = box.y + scaleY * (element.clientTop + top);
    const part = visiblePart(element, box, viewOf(view));
    const tilted = isTilted(element);
    let seen = [0, 0, 0, 0];
    let cover = null;
    if (part) {
      seen = tilted ? null : [(part[0] - x) / scaleX, (part[1] - y) / scaleY, (part[2] - x) / scaleX, (part[3] - y) / scaleY];
      const over = hit((part[0] + part[2]) / 2, (part[1] + part[3]) / 2);
      if (over && !reaches(element, over)) cover = name(over);
    }
    return {
      n: frameNumbers.get(element) ?? 0, x, y, scaleX, scaleY, tilted, seen, cover,
      width: innerWidthOf(element) - left - right, height: innerHeightOf(element) - top - bottom,
    };
  };

  const name = element => {
    let text = `<${localNameOf(element)}`;
    const id = attribute(element, 'id');
    if (id) text += ` id="${cut(id, 40)}"`;
    const kind = attribute(element, 'class');
    if (kind) text += ` class="${cut(fold(kind), 60)}"`;
    const words = textOf(element, 40);
    return text + '>' + (words ? ` "${words}"` : '');
  };

  const hit = (x, y) => {
    let top = document.elementFromPoint(x, y);
    while (top && shadowOf(top)) {
      const deeper = shadowOf(top).elementFromPoint(x, y);
      if (!deeper || deeper === top) break;
      top = deeper;
    }
    return top;
  };

  const holds = (element, node) => {
    for (let at = node; at; at = parentOf(at)) if (at === element) return true;
    return false;
  };

  const piecesOf = element => {
    if (tagOf(element) === 'area') return [boundsOnImage(element)];
    return isBoxless(element) ? rangeOf(element).getClientRects() : rectsOf(element);
  };

  const placeOf = element => {
    for (const box of piecesOf(element)) {
      const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
      const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
      if (right - left >= 1 && bottom - top >= 1) return [(left + right) / 2, (top + bottom) / 2];
    }
    return null;
  };

  // Where scripts are off (a sandbox, the session's choice) timers never end, but tasks are done.
  const pause = delay => (matchMedia('(scripting: none)').matches
    ? scheduler.postTask(() => {}, { delay })
    : new Promise(done => setTimeout(done, delay)));

  const frame = () => Promise.race([new Promise(done => requestAnimationFrame(done)), pause(100)]);

  const same = (a, b) => a && b && a.every((value, index) => Math.abs(value - b[index]) < 0.5);
  const boxOf = element => {
    const box = areaOf(element) ?? boundsOf(element);
    return [box.x, box.y, box.width, box.height];
  };

  const isStill = async element => {
    for (let at = element; at; at = parentOf(at)) {
      if (animationsOf(at).some(animation => animation.playState === 'running')) return false;
    }
    const now = boxOf(element);
    if (same(now, places.get(element))) return true;
    await frame();
    await frame();
    const later = boxOf(element);
    places.set(element, later);
    return same(now, later);
  };

  // Blocks the pointer events of one action unless they reach the element: what covers it in the last
  // moment, or came in its place, must not be clicked instead. `release` tells what came of it.
  // Listening starts with the world: at a window the listener that came first is heard first.
  const POINTER = ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click', 'auxclick', 'dblclick', 'contextmenu'];
  let guard = null;
  const heed = event => {
    if (!guard || !event.isTrusted) return;
    if (!guard.decided) {
      guard.decided = true;
      const target = event.composedPath()[0];
      if (isElement(target) && !holds(guard.element, target)) {
        guard.blocked = true;
        guard.taker = name(target);
      }
    }
    if (guard.blocked) { event.preventDefault(); event.stopImmediatePropagation(); }
  };
  for (const type of POINTER) listen(window, type, heed, true);
  // A click on a link with `download` starts what the page tells nothing of until a server answers.
  let saving = null;
  const save = event => {
    const [target] = event.composedPath();
    if (!event.isTrusted || !isElement(target)) return;
    const link = closest(target, 'a[download][href], area[download][href]');
    saving = link && (link.origin === location.origin || /^(blob|data):/.test(link.protocol)) ? event : null;
  };
  listen(window, 'click', save, true);
  const watch = (element, place) => {
    guard = { element, place, taker: null, decided: false, blocked: false };
  };
  // A page that keeps the events to itself leaves us to see what is at the place now.
  const release = () => {
    if (!guard) return null;
    const { element, place, decided, taker } = guard;
    guard = null;
    if (decided || !isConnected(element)) return taker;
    const top = hit(...place);
    return top && !holds(element, top) ? name(top) : null;
  };

  // Where to put the mouse for this element, in one round trip, or why that is not clear.
  const aim = async (number, guarded) => {
    guard = null;
    images.clear();
    const element = find(number);
    if (!element) return { state: 'gone' };
    if (!isShown(element)) return { state: 'hidden' };
    if (matches(element, ':disabled') || closest(element, '[aria-disabled="true"]')) return { state: 'disabled' };
    let place = placeOf(element);
    let top = place && hit(...place);
    if (!top || !holds(element, top)) {
      bringIntoView(tagOf(element) === 'area' ? imageOf(element) : element, { block: 'center', inline: 'center', behavior: 'instant' });
      place = placeOf(element);
      top = place && hit(...place);
      if (!place) return { state: 'away' };
      if (!top || !holds(element, top)) return { state: 'covered', by: top ? name(top) : null };
    }
    if (!(await isStill(element))) return { state: 'moving' };
    place = placeOf(element);
    top = place && hit(...place);
    if (!top || !holds(element, top)) return { state: 'moving' };
    if (guarded) watch(element, place);
    return { state: 'clear', x: place[0], y: place[1] };
  };

  // Lets what the action started run: all tasks that are queued, as far as they are done in 100 ms.
  const settle = async args => {
    await pause(0);
    await Promise.race([
      scheduler.postTask(() => {}, { priority: 'background' }),
      pause(100),
    ]);
    const taker = release();
    const saves = saving !== null && !saving.defaultPrevented;
    saving = null;
    return { taker, saves, ...here(), page: args ? collect(args) : null };
  };

  // Lets a scroll that was set going come to its end: no scroll for 50 ms, as far as that is so within `bound` ms.
  const rested = async bound => {
    const begun = performance.now();
    let last = begun;
    const note = event => { if (event.isTrusted) last = performance.now(); };
    const heard = new AbortController();
    listen(window, 'scroll', note, { capture: true, passive: true, signal: heard.signal });
    while (performance.now() - last < 50 && performance.now() - begun < bound) await pause(10);
    heard.abort();
    return true;
  };

  const scrollable = (element, dx, dy) => {
    const style = getComputedStyle(element);
    const x = dx && widthOf(element) > innerWidthOf(element) && /auto|scroll/.test(style.overflowX);
    const y = dy && heightOf(element) > innerHeightOf(element) && /auto|scroll/.test(style.overflowY);
    return x || y;
  };
  const scrollBy = (element, dx, dy) => {
    const [x, y] = [leftOf(element), topOf(element)];
    moveBy(element, { left: dx, top: dy, behavior: 'instant' });
    return leftOf(element) !== x || topOf(element) !== y;
  };
  // Scrolls the document, else the container in the middle of the view, else the first that moves.
  const scroll = (dx, dy) => {
    if (scrollBy(document.scrollingElement || document.documentElement, dx, dy)) return true;
    for (let at = hit(innerWidth / 2, innerHeight / 2); at; at = parentOf(at)) {
      if (scrollable(at, dx, dy) && scrollBy(at, dx, dy)) return true;
    }
    for (const element of document.querySelectorAll('*')) {
      if (scrollable(element, dx, dy) && isDisplayed(element) && scrollBy(element, dx, dy)) return true;
    }
    return false;
  };

  const why = number => {
    images.clear();
    const element = find(number);
    if (!element) return { state: 'gone' };
    if (!isShown(element)) return { state: 'hidden' };
    if (matches(element, ':disabled') || closest(element, '[aria-disabled="true"]')) return { state: 'disabled' };
    const place = placeOf(element);
    if (!place) return { state: 'away' };
    const top = hit(...place);
    if (!top || !holds(element, top)) return { state: 'covered', by: top ? name(top) : null };
    return { state: 'clear' };
  };

  listen(document, bridge + ':ask', event => {
    const [asked, number] = String(event.detail).split('.');
    const element = asked !== token ? null : number === '0' ? document.documentElement : find(Number(number));
    if (element) dispatch(element, new Event(bridge + ':here', { composed: true }));
  });

  // Elements that Playwright's side names to us (by a selector, by a ref of its own), until asked for.
  let named = [];
  listen(document, bridge + ':name', event => {
    named.push([String(event.detail), event.composedPath()[0]]);
  });
  listen(document, bridge + ':names', event => {
    const all = rootOf(event.composedPath()[0]).querySelectorAll('*');
    for (const [place, text] of JSON.parse(event.detail)) named.push([text, all[place]]);
  }, true);
  const takeNamed = (next, heard) => {
    const counter = begin(next, heard);
    const found = named.filter(([, element]) => isElement(element))
      .map(([name, element]) => [name, numberOf(element, counter), isSecret(element, element.type)]);
    named = [];
    return { token, found, next: counter.value, answers };
  };
  listen(document, bridge + ':take', event => {
    const { next, heard } = JSON.parse(event.detail);
    const taken = takeNamed(next, heard.find(one => one === `${token}:${answers}`));
    dispatch(document, new CustomEvent(bridge + ':taken', { detail: JSON.stringify(taken) }));
  });

  // What a select offers, at most 10,000 of it; null for what is none.
  const offered = element => (tagOf(element) !== 'select' ? null : {
    multiple: element.multiple,
    options: [...element.options].slice(0, 10000).map(({ label, text, value }) => ({ label, text, value })),
  });
  const options = number => {
    const element = find(number);
    return element && offered(element);
  };
  const optionsOfNamed = which => {
    const found = named.findLast(([name, element]) => name === which && isElement(element));
    named = named.filter(([name]) => name !== which);
    return found ? { found: offered(found[1]) } : null;
  };

  const measures = () => ({ scale: devicePixelRatio, scroll: scrollY });
  const extent = () => {
    const root = document.documentElement, body = document.body;
    const most = name => Math.max(root[name], body ? body[name] : 0);
    const active = document.activeElement;
    return {
      moves: document.getAnimations().length > 0 || (active !== null && active !== body && active !== root),
      scale: devicePixelRatio, scroll: [scrollX, scrollY], view: [innerWidth, innerHeight],
      document: [Math.max(most('scrollWidth'), innerWidth), Math.max(most('scrollHeight'), root.clientHeight)],
    };
  };

  // What has the focus; where that is in a frame, the frame's number.
  const focusedElement = () => {
    let element = document.activeElement;
    for (let root = element && shadowOf(element); root && root.activeElement; root = shadowOf(element)) element = root.activeElement;
    return element;
  };
  const focused = () => {
    const element = focusedElement();
    return { origin: globalThis.origin, frame: element && FRAMES.has(tagOf(element)) ? numberOfFrame(element) : 0 };
  };

  // Texts that only this document may have are put in from here, in one go: nothing else can take
  // the focus before they are in. Answers null, or why they are not.
  const valueOf = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
  const givenFocus = method(HTMLElement, 'focus');
  const written = (element, text) => {
    if (document.execCommand('insertText', false, text)) return null;
    if (localNameOf(element) !== 'input' || element.disabled || element.readOnly) return 'fixed';
    valueOf.set.call(element, text);
    dispatch(element, new Event('input', { bubbles: true, composed: true }));
    dispatch(element, new Event('change', { bubbles: true }));
    return null;
  };
  const put = (number, text) => {
    const named = find(number);
    if (!named) return 'gone';
    const element = localNameOf(named) === 'label' && named.control ? named.control : named;
    givenFocus(element);
    if (focusedElement() !== element) return 'moved';
    if (localNameOf(element) === 'input' || localNameOf(element) === 'textarea') element.select();
    else document.getSelection().selectAllChildren(element);
    return written(element, text);
  };
  const insert = text => {
    const element = focusedElement();
    if (!element || FRAMES.has(tagOf(element))) return 'moved';
    const writes = localNameOf(element) === 'input' || localNameOf(element) === 'textarea' || isEditable(element) || document.designMode === 'on';
    return writes && document.execCommand('insertText', false, text) ? null : 'fixed';
  };

  // The reader's (reader.js), which works beside this in the same world.
  const numberOfFrame = element => {
    if (!frameNumbers.has(element)) frameNumbers.set(element, ++lastFrame);
    return frameNumbers.get(element);
  };

  // What a person reads in the document; for the search, so a part of it will do.
  const words = most => ({
    url: document.URL,
    title: String(document.title),
    text: String(document.body?.innerText ?? '').slice(0, most),
  });

  globalThis.agentBrowser = { token, words, origin: () => globalThis.origin, focused, put, insert, collect, inner, aim, settle, release, why, scroll, rested, takeNamed, options, optionsOfNamed, measures, judge, doubtful: () => doubtful, has: number => find(number) !== null,
    extent, parts: { find, isSecret, isShown, childrenOf, tagOf, textOf, numberOfFrame } };
}
