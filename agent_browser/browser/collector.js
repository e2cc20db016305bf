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
  const TAGS = new Set(['BUTTON', 'TEXTAREA', 'SELECT', 'SUMMARY', 'INPUT', 'AREA']);
  const NO_TEXT = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'SVG', 'svg', 'TITLE']);
  const INPUT_ROLES = {
    button: 'button', submit: 'button', reset: 'button', image: 'button', file: 'button',
    checkbox: 'checkbox', radio: 'radio', range: 'slider', number: 'spinbutton', search: 'searchbox',
  };
  const TEXT_LIMIT = 80;
  const VALUE_LIMIT = 1000;

  const numbers = new WeakMap();
  const elements = new Map();
  const places = new WeakMap();
  const secrets = new WeakSet();
  const frameNumbers = new WeakMap();
  let lastFrame = 0;
  let unheard = [];
  let answers = 0;

  const fold = text => text.replace(/\s+/g, ' ').trim();
  const cut = (text, limit) => (text.length > limit ? text.slice(0, limit - 1) + '…' : text);

  const find = number => {
    const element = elements.get(number)?.deref();
    return element && element.isConnected && element.ownerDocument === document ? element : null;
  };

  const parentOf = node => node.assignedSlot || node.parentElement ||
    (node.parentNode instanceof ShadowRoot ? node.parentNode.host : null);

  const childrenOf = element => {
    if (element.shadowRoot) return element.shadowRoot.childNodes;
    if (element.localName === 'slot') {
      const assigned = element.assignedNodes();
      if (assigned.length) return assigned;
    }
    return element.childNodes;
  };

  const isInline = element => /^inline|^contents/.test(getComputedStyle(element).display);

  const textOf = (element, limit = TEXT_LIMIT, without = null) => {
    if (!element.firstElementChild && !element.shadowRoot && element.localName !== 'slot') {
      return cut(fold((element.textContent || '').slice(0, 20 * limit)), limit);
    }
    let text = '';
    let steps = 0;
    const visit = node => {
      for (const child of childrenOf(node)) {
        if (text.length > 4 * limit || ++steps > 2000) return;
        if (child.nodeType === Node.TEXT_NODE) {
          text += child.data.slice(0, 20 * limit);
        } else if (child.nodeType === Node.ELEMENT_NODE && !NO_TEXT.has(child.nodeName)) {
          if (child === without || !child.checkVisibility()) continue;
          if (child.nodeName === 'BR') { text += ' '; continue; }
          if (child.nodeName === 'IMG') { text += ` ${child.alt} `; continue; }
          const apart = !isInline(child);
          if (apart) text += ' ';
          visit(child);
          if (apart) text += ' ';
        }
      }
    };
    visit(element);
    return cut(fold(text), limit);
  };

  const labelOf = element => {
    const ids = element.getAttribute('aria-labelledby');
    if (ids) {
      const root = element.getRootNode();
      const text = ids.split(/\s+/).map(id => root.getElementById?.(id)?.textContent || '').join(' ');
      if (text.trim()) return cut(fold(text), TEXT_LIMIT);
    }
    const label = element.getAttribute('aria-label');
    if (label && label.trim()) return cut(fold(label), TEXT_LIMIT);
    for (const owner of element.labels || []) {
      const text = textOf(owner, TEXT_LIMIT, element);
      if (text) return text;
    }
    return '';
  };

  const roleOf = (element, type) => {
    const role = element.getAttribute('role');
    if (role) return role.trim().split(/\s+/)[0].toLowerCase();
    switch (element.nodeName) {
      case 'A': case 'AREA': return element.hasAttribute('href') ? 'link' : null;
      case 'BUTTON': case 'SUMMARY': return 'button';
      case 'TEXTAREA': return 'textbox';
      case 'SELECT': return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
      case 'INPUT': return INPUT_ROLES[type] || (element.list ? 'combobox' : 'textbox');
    }
    return element.isContentEditable ? 'textbox' : null;
  };

  const isSecret = (element, type) => {
    if (type === 'password' || /password|one-time-code|cc-/i.test(element.getAttribute('autocomplete') || '')) {
      secrets.add(element);
    }
    return secrets.has(element);
  };

  const isActing = element => {
    const name = element.nodeName;
    if (TAGS.has(name)) return name !== 'INPUT' || element.type !== 'hidden';
    if ((name === 'A' || name === 'a') && (element.hasAttribute('href') || element.hasAttribute('xlink:href'))) return true;
    if (!element.attributes.length) return false;
    const role = element.getAttribute('role');
    if (role && ROLES.has(role.trim().split(/\s+/)[0].toLowerCase())) return true;
    if (element.hasAttribute('onclick')) return true;
    const index = element.getAttribute('tabindex');
    if (index !== null && Number.parseInt(index, 10) >= 0) return true;
    const editable = element.getAttribute('contenteditable');
    return editable !== null && editable !== 'false' && element.isContentEditable;
  };

  const areaOf = element => {
    const box = element.getBoundingClientRect();
    if (box.width > 0 && box.height > 0) return box;
    for (const child of element.children) {
      const inner = child.getBoundingClientRect();
      if (inner.width > 0 && inner.height > 0 && child.checkVisibility({ visibilityProperty: true })) return inner;
    }
    return element.nodeName === 'AREA' ? box : null;
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
    const tag = element.localName;
    const type = tag === 'input' ? element.type : tag === 'button' ? element.getAttribute('type') : null;
    const row = { tag, role: roleOf(element, type) };
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
    const holder = element.getAttribute('placeholder');
    if (holder) row.placeholder = cut(fold(holder), TEXT_LIMIT);
    const name = element.getAttribute('name');
    if (name) row.attr = cut(name, TEXT_LIMIT);
    const title = element.getAttribute('title') || element.getAttribute('alt');
    if (title) row.title = cut(fold(title), TEXT_LIMIT);
    if (tag === 'a' || tag === 'area') {
      const raw = element.getAttribute('href') ?? element.getAttribute('xlink:href');
      if (raw !== null) {
        row.raw = cut(raw.trim(), 100);
        row.href = typeof element.href === 'string' ? element.href.slice(0, 8192) : raw;
      }
    }
    if (isSecret(element, type)) {
      row.secret = true;
    } else if (tag === 'textarea' || tag === 'select' || (tag === 'input' && type !== 'file')) {
      if (type !== 'checkbox' && type !== 'radio') row.value = String(element.value).slice(0, VALUE_LIMIT);
      else if (element.hasAttribute('value')) row.value = element.value.slice(0, VALUE_LIMIT);
    }
    const aria = element.getAttribute('aria-checked');
    if (type === 'checkbox' || type === 'radio') row.checked = element.checked;
    else if (aria !== null) row.checked = aria === 'true';
    if (element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true') row.disabled = true;
    if (wantBox) row.box = [box.x, box.y, box.width, box.height];
    return row;
  };

  const lineOf = row => [row.tag, row.type, row.role, row.text, row.label, row.placeholder, row.attr,
    row.title, row.raw, row.href, row.value].filter(Boolean).join(' ').toLowerCase();

  const collect = ({ next, heard, max, query, root, boxes }) => {
    const counter = begin(next, heard);
    const rows = [];
    const frames = [];
    let total = 0;
    const needle = query ? query.toLowerCase() : null;
    const take = element => {
      const box = areaOf(element);
      if (!box) return;
      places.set(element, [box.x, box.y, box.width, box.height]);
      if (needle === null && rows.length >= max) { total++; return; }
      const row = describe(element, box, boxes);
      if (needle !== null && !lineOf(row).includes(needle)) return;
      total++;
      if (rows.length < max) {
        row.n = numberOf(element, counter);
        rows.push(row);
      }
    };
    const visit = (element, within, pointer) => {
      const style = getComputedStyle(element);
      if (style.display === 'none' || element.inert) return;
      if (style.contentVisibility === 'hidden') return;
      const name = element.nodeName;
      if (name === 'IFRAME' || name === 'FRAME') {
        if (style.visibility === 'visible' && element.checkVisibility()) {
          if (!frameNumbers.has(element)) frameNumbers.set(element, ++lastFrame);
          frames.push([frameNumbers.get(element), rows.length]);
        }
        return;
      }
      const shows = style.cursor === 'pointer';
      let acts = within;
      if (isActing(element) || (shows && !pointer && !within)) {
        acts = true;
        if (style.visibility === 'visible' && element.checkVisibility()) take(element);
      }
      if (name === 'SELECT' || name === 'TEXTAREA' || name === 'INPUT') return;
      for (const child of childrenOf(element)) {
        if (child.nodeType === Node.ELEMENT_NODE) visit(child, acts, shows);
      }
    };
    const top = root === null ? document.documentElement : find(root);
    if (top) visit(top, false, false);
    for (const [number, held] of elements) if (!held.deref()) elements.delete(number);
    return JSON.stringify({
      url: location.href, title: document.title, rows, frames, total, next: counter.value, answers,
      found: top !== null,
    });
  };

  const inner = element => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return {
      n: frameNumbers.get(element) ?? 0,
      x: box.x + element.clientLeft + Number.parseFloat(style.paddingLeft),
      y: box.y + element.clientTop + Number.parseFloat(style.paddingTop),
    };
  };

  const name = element => {
    let text = `<${element.localName}`;
    if (element.id) text += ` id="${cut(element.id, 40)}"`;
    const kind = element.getAttribute('class');
    if (kind) text += ` class="${cut(fold(kind), 60)}"`;
    const words = textOf(element, 40);
    return text + '>' + (words ? ` "${words}"` : '');
  };

  const hit = (x, y) => {
    let top = document.elementFromPoint(x, y);
    while (top?.shadowRoot) {
      const deeper = top.shadowRoot.elementFromPoint(x, y);
      if (!deeper || deeper === top) break;
      top = deeper;
    }
    return top;
  };

  const holds = (element, node) => {
    for (let at = node; at; at = parentOf(at)) if (at === element) return true;
    return false;
  };

  const placeOf = element => {
    for (const box of element.getClientRects()) {
      const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
      const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
      if (right - left >= 1 && bottom - top >= 1) return [(left + right) / 2, (top + bottom) / 2];
    }
    return null;
  };

  const frame = () => new Promise(done => {
    const timer = setTimeout(done, 100);
    requestAnimationFrame(() => { clearTimeout(timer); done(); });
  });

  const same = (a, b) => a && b && a.every((value, index) => Math.abs(value - b[index]) < 0.5);
  const boxOf = element => {
    const box = element.getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
  };

  const isStill = async element => {
    for (let at = element; at; at = parentOf(at)) {
      if (at.getAnimations().some(animation => animation.playState === 'running')) return false;
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
  // moment must not be clicked instead. `release` tells what came of it.
  const POINTER = ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click', 'auxclick', 'dblclick', 'contextmenu'];
  let guard = null;
  const release = () => {
    if (!guard) return null;
    for (const type of POINTER) window.removeEventListener(type, guard.listener, true);
    const taker = guard.taker;
    guard = null;
    return taker;
  };
  const watch = element => {
    release();
    const state = { taker: null, decided: false, blocked: false };
    state.listener = event => {
      if (!event.isTrusted) return;
      if (!state.decided) {
        state.decided = true;
        const target = event.composedPath()[0];
        if (target instanceof Element && !holds(element, target) && element.isConnected) {
          state.blocked = true;
          state.taker = name(target);
        }
      }
      if (state.blocked) { event.preventDefault(); event.stopImmediatePropagation(); }
    };
    guard = state;
    for (const type of POINTER) window.addEventListener(type, state.listener, true);
  };

  // Where to put the mouse for this element, in one round trip, or why that is not clear.
  const aim = async (number, guarded) => {
    const element = find(number);
    if (!element) return { state: 'gone' };
    if (!element.checkVisibility({ visibilityProperty: true })) return { state: 'hidden' };
    if (element.matches(':disabled') || element.closest('[aria-disabled="true"]')) return { state: 'disabled' };
    let place = placeOf(element);
    let top = place && hit(...place);
    if (!top || !holds(element, top)) {
      element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      place = placeOf(element);
      top = place && hit(...place);
      if (!place) return { state: 'away' };
      if (!top || !holds(element, top)) return { state: 'covered', by: top ? name(top) : null };
    }
    if (!(await isStill(element))) return { state: 'moving' };
    place = placeOf(element);
    top = place && hit(...place);
    if (!top || !holds(element, top)) return { state: 'moving' };
    if (guarded) watch(element);
    return { state: 'clear', x: place[0], y: place[1] };
  };

  // Lets what the action started run: all tasks that are queued, as far as they are done in 100 ms.
  const settle = async args => {
    await new Promise(done => setTimeout(done, 0));
    await Promise.race([
      scheduler.postTask(() => {}, { priority: 'background' }),
      new Promise(done => setTimeout(done, 100)),
    ]);
    const taker = release();
    return { taker, url: location.href, title: document.title, page: args ? collect(args) : null };
  };

  const scrollable = (element, dx, dy) => {
    const style = getComputedStyle(element);
    const x = dx && element.scrollWidth > element.clientWidth && /auto|scroll/.test(style.overflowX);
    const y = dy && element.scrollHeight > element.clientHeight && /auto|scroll/.test(style.overflowY);
    return x || y;
  };
  const scrollBy = (element, dx, dy) => {
    const [x, y] = [element.scrollLeft, element.scrollTop];
    element.scrollBy({ left: dx, top: dy, behavior: 'instant' });
    return element.scrollLeft !== x || element.scrollTop !== y;
  };
  // Scrolls the document, else the container in the middle of the view, else the first that moves.
  const scroll = (dx, dy) => {
    if (scrollBy(document.scrollingElement || document.documentElement, dx, dy)) return true;
    for (let at = hit(innerWidth / 2, innerHeight / 2); at; at = parentOf(at)) {
      if (scrollable(at, dx, dy) && scrollBy(at, dx, dy)) return true;
    }
    for (const element of document.querySelectorAll('*')) {
      if (scrollable(element, dx, dy) && element.checkVisibility() && scrollBy(element, dx, dy)) return true;
    }
    return false;
  };

  const why = number => {
    const element = find(number);
    if (!element) return { state: 'gone' };
    if (!element.checkVisibility({ visibilityProperty: true })) return { state: 'hidden' };
    if (element.matches(':disabled') || element.closest('[aria-disabled="true"]')) return { state: 'disabled' };
    const place = placeOf(element);
    if (!place) return { state: 'away' };
    const top = hit(...place);
    if (!top || !holds(element, top)) return { state: 'covered', by: top ? name(top) : null };
    return { state: 'clear' };
  };

  document.addEventListener(bridge + ':ask', event => {
    const [asked, number] = String(event.detail).split('.');
    const element = asked !== token ? null : number === '0' ? document.documentElement : find(Number(number));
    if (element) element.dispatchEvent(new Event(bridge + ':here', { composed: true }));
  });

  // Elements that Playwright's side names to us (by a selector, by a ref of its own), until asked for.
  let named = [];
  document.addEventListener(bridge + ':name', event => {
    named.push([String(event.detail), event.composedPath()[0]]);
  });
  const takeNamed = (next, heard) => {
    const counter = begin(next, heard);
    const found = named.filter(([, element]) => element instanceof Element)
      .map(([name, element]) => [name, numberOf(element, counter), isSecret(element, element.type)]);
    named = [];
    return { found, next: counter.value, answers };
  };

  const measures = () => ({ scale: devicePixelRatio, scroll: scrollY });

  globalThis.agentBrowser = { token, collect, inner, aim, settle, release, why, scroll, takeNamed, measures, has: number => find(number) !== null };
}
