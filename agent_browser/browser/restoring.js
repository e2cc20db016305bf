// Puts what was saved into a document and the storage of its origin. Runs in our isolated world.
// `call(work, text)` does one of the works below, with the arguments that the text has as JSON, and
// answers with what could not be done, as [what, why]. It throws where the document is of another
// origin than what is to be put; nothing of it throws for what a state has in it.
(work, text) => {
  // Our own words. What browsers say has keys and values in it: of that only the name is told.
  class Unfit extends Error {}
  const words = error => String((error instanceof Unfit ? error.message : error?.name) || 'Error').slice(0, 300);

  // Playwright's serialization, with our own tags for what it does not know.
  const VIEWS = {
    i8: Int8Array, ui8: Uint8Array, ui8c: Uint8ClampedArray, i16: Int16Array, ui16: Uint16Array, i32: Int32Array,
    ui32: Uint32Array, f32: Float32Array, f64: Float64Array, bi64: BigInt64Array, bui64: BigUint64Array,
    dv: DataView, f16: globalThis.Float16Array,
  };
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const PLAIN = {
    null: null, undefined: undefined, NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity, '-0': -0,
  };
  const bytes = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const has = (value, name) => Object.hasOwn(value, name);

  const decoded = (value, known = new Map()) => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(item => decoded(item, known));
    const keep = made => {
      if (has(value, 'id')) known.set(value.id, made);
      return made;
    };
    if (has(value, 'ref')) {
      if (!known.has(value.ref)) throw new Unfit('it refers to what is not there');
      return known.get(value.ref);
    }
    if (has(value, 'v')) {
      if (!has(PLAIN, value.v)) throw new Unfit('an unknown value');
      return PLAIN[value.v];
    }
    if (has(value, 'd')) return keep(new Date(value.d ?? NaN));
    if (has(value, 'u')) return new URL(value.u).href;
    if (has(value, 'bi')) return BigInt(value.bi);
    if (has(value, 'r')) return keep(new RegExp(value.r.p, value.r.f));
    if (has(value, 'e')) {
      const { n, m, s } = value.e;
      const error = new (has(ERRORS, n) ? ERRORS[n] : Error)(m);
      error.name = n;
      error.stack = s;
      return keep(error);
    }
    if (has(value, 'ta')) {
      if (!has(VIEWS, value.ta.k) || !VIEWS[value.ta.k]) throw new Unfit('an unknown kind of array');
      return keep(new VIEWS[value.ta.k](bytes(value.ta.b).buffer));
    }
    if (has(value, 'ab')) return keep(bytes(value.ab.b).buffer);
    if (has(value, 'bl')) return keep(new Blob([bytes(value.bl.b)], { type: value.bl.t }));
    if (has(value, 'fi')) {
      const { n, t, m, b } = value.fi;
      return keep(new File([bytes(b)], n, { type: t, lastModified: m }));
    }
    if (has(value, 'im')) {
      return keep(new ImageData(new Uint8ClampedArray(bytes(value.im.b).buffer), value.im.w, value.im.h));
    }
    if (has(value, 'a')) {
      const made = keep([]);
      for (const item of value.a) made.push(decoded(item, known));
      return made;
    }
    if (has(value, 'm')) {
      const made = keep(new Map());
      for (const [key, item] of value.m) made.set(decoded(key, known), decoded(item, known));
      return made;
    }
    if (has(value, 'se')) {
      const made = keep(new Set());
      for (const item of value.se) made.add(decoded(item, known));
      return made;
    }
    if (has(value, 'o')) {
      const made = keep({});
      for (const { k, v } of value.o) {
        // A property named __proto__ is one like any other.
        const whole = { value: decoded(v, known), writable: true, enumerable: true, configurable: true };
        Object.defineProperty(made, k, whole);
      }
      return made;
    }
    throw new Unfit('a value of no known form');
  };

  const ended = asked =>
    new Promise((done, failed) => {
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });

  const keyPathOf = made => made.keyPath ?? made.keyPathArray ?? null;

  const opened = (database, lost) =>
    new Promise((done, failed) => {
      const asked = indexedDB.open(database.name, database.version);
      asked.onupgradeneeded = () => {
        for (const store of database.stores ?? []) {
          try {
            const how = { keyPath: keyPathOf(store), autoIncrement: Boolean(store.autoIncrement) };
            const made = asked.result.createObjectStore(store.name, how);
            for (const index of store.indexes ?? []) {
              const { multiEntry, unique } = index;
              if (keyPathOf(index) === null) throw new Unfit('an index without a path');
              made.createIndex(index.name, keyPathOf(index), { multiEntry, unique });
            }
          } catch (error) {
            lost.push(['indexed_db', `${database.name}/${store.name}: ${words(error)}`]);
          }
        }
      };
      asked.onblocked = () => failed(new Unfit('it is open elsewhere'));
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });

  const filled = async (database, lost) => {
    const open = await opened(database, lost);
    try {
      const stores = (database.stores ?? []).filter(store => open.objectStoreNames.contains(store.name));
      if (!stores.some(store => store.records?.length)) return;
      const writing = open.transaction(stores.map(store => store.name), 'readwrite');
      const over = new Promise((done, failed) => {
        writing.oncomplete = done;
        writing.onabort = () => failed(writing.error ?? new Unfit('the transaction was ended'));
      });
      for (const store of stores) {
        const place = writing.objectStore(store.name);
        let unfit = 0;
        let why = '';
        const failed = error => {
          unfit += 1;
          why = words(error);
        };
        const told = () => unfit && lost.push(['indexed_db', `${database.name}/${store.name}: ${unfit} records: ${why}`]);
        for (const record of store.records ?? []) {
          try {
            const value = has(record, 'valueEncoded') ? decoded(record.valueEncoded) : record.value;
            const key = has(record, 'keyEncoded') ? decoded(record.keyEncoded) : record.key;
            const asked = place.keyPath === null ? place.put(value, key) : place.put(value);
            asked.onerror = event => {
              event.preventDefault();
              event.stopPropagation();
              failed(asked.error);
            };
          } catch (error) {
            failed(error);
          }
        }
        over.then(told, told);
      }
      await over;
    } finally {
      open.close();
    }
  };

  const written = async (files, lost) => {
    const root = await navigator.storage.getDirectory();
    const folder = async names => {
      let at = root;
      for (const name of names) at = await at.getDirectoryHandle(name, { create: true });
      return at;
    };
    for (const { path, type, base64 } of files) {
      try {
        const names = path.split('/').filter(Boolean);
        if (type === 'directory') {
          await folder(names);
          continue;
        }
        const file = await (await folder(names.slice(0, -1))).getFileHandle(names.at(-1), { create: true });
        const writing = await file.createWritable();
        await writing.write(bytes(base64 ?? ''));
        await writing.close();
      } catch (error) {
        lost.push(['files', `${String(path).slice(0, 200)}: ${words(error)}`]);
      }
    }
  };

  const kept = (what, area, entries, lost) => {
    let unfit = 0;
    let why = '';
    for (const { name, value } of entries) {
      try {
        area().setItem(name, value);
      } catch (error) {
        unfit += 1;
        why = words(error);
      }
    }
    if (unfit) lost.push([what, `${unfit} entries: ${why}`]);
  };

  const trying = async (what, lost, attempt) => {
    try {
      await attempt();
    } catch (error) {
      lost.push([what, words(error)]);
    }
  };

  // All that is of this document's origin, and the state of its entry in the history.
  const put = async ({ origin, local, session, databases, files, state }) => {
    if (self.origin !== origin) throw new Unfit('a document of another origin came in its place');
    const lost = [];
    if (state !== undefined) {
      await trying('history', lost, () => history.replaceState(decoded(state), ''));
    }
    if (session) kept('session_storage', () => sessionStorage, session, lost);
    if (local) kept('local_storage', () => localStorage, local, lost);
    for (const database of databases ?? []) {
      await trying('indexed_db', lost, () => filled(database, lost));
    }
    if (files) await trying('files', lost, () => written(files, lost));
    return lost;
  };

  // One more entry of the history at the same address.
  const again = () => {
    history.pushState(null, '');
    return [];
  };

  const getter = (kind, name) => Object.getOwnPropertyDescriptor(kind.prototype, name).get;
  const setter = (kind, name) => Object.getOwnPropertyDescriptor(kind.prototype, name).set;
  const isConnected = getter(Node, 'isConnected');

  const tell = (element, ...types) => {
    for (const type of types) {
      const how = { bubbles: true, composed: type === 'input' };
      element.dispatchEvent(type === 'input' ? new InputEvent(type, how) : new Event(type, how));
    }
  };

  const setValue = (element, value) => {
    const kind = element instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
    if (kind === HTMLInputElement && ['password', 'file', 'hidden'].includes(element.type)) {
      throw new Unfit('fields of this kind are not filled');
    }
    if (getter(kind, 'value').call(element) === value) return;
    setter(kind, 'value').call(element, value);
    if (getter(kind, 'value').call(element) !== value) throw new Unfit('the field takes no such value');
    tell(element, 'input', 'change');
  };

  const setChecked = (element, value) => {
    if (getter(HTMLInputElement, 'checked').call(element) === Boolean(value)) return;
    setter(HTMLInputElement, 'checked').call(element, Boolean(value));
    tell(element, 'input', 'change');
  };

  const setSelected = (element, value) => {
    const wanted = (Array.isArray(value) ? value : [value]).map(String);
    const options = [...getter(HTMLSelectElement, 'options').call(element)];
    const chosen = options.filter(option => wanted.includes(option.value));
    if (chosen.length < new Set(wanted).size) throw new Unfit('it has no such option');
    if (options.every(option => option.selected === chosen.includes(option))) return;
    if (element.multiple) for (const option of options) option.selected = chosen.includes(option);
    else for (const option of chosen.slice(0, 1)) option.selected = true;
    tell(element, 'input', 'change');
  };

  const PLAINLY = new Set(['B', 'I', 'U', 'S', 'EM', 'STRONG', 'BR', 'P', 'DIV', 'SPAN', 'UL', 'OL', 'LI', 'A']);
  const UNSHOWN = new Set(['SCRIPT', 'STYLE', 'TEMPLATE', 'NOSCRIPT', 'IFRAME', 'TITLE']);
  const HTML = 'http://www.w3.org/1999/xhtml';

  // Texts, and elements that format them without attributes, as nodes of this document; of others
  // what is in them.
  const plainly = from => {
    const made = document.createDocumentFragment();
    const rest = [[from.firstChild, made]];
    while (rest.length) {
      const [node, into] = rest.pop();
      if (!node) continue;
      rest.push([node.nextSibling, into]);
      if (node.nodeType === Node.TEXT_NODE) into.append(node.data);
      if (node.nodeType !== Node.ELEMENT_NODE || UNSHOWN.has(node.nodeName)) continue;
      let inner = into;
      if (node.namespaceURI === HTML && PLAINLY.has(node.nodeName)) {
        inner = document.createElement(node.nodeName);
        into.append(inner);
      }
      rest.push([node.firstChild, inner]);
    }
    return made;
  };

  // What was written, back in its place. Nothing in it may run or load: it is read in a document
  // where nothing does, and only its text and plain formatting is taken from there.
  const setHtml = (element, value) => {
    if (!element.isContentEditable) throw new Unfit('it is not editable');
    if (element.innerHTML === value) return;
    element.replaceChildren(plainly(new DOMParser().parseFromString(String(value), 'text/html').body));
    const isWhole = element.innerHTML === value;
    tell(element, 'input');
    if (!isWhole) throw new Unfit('only its text and plain formatting came back');
  };

  const SETTERS = { value: setValue, checked: setChecked, selected: setSelected, html: setHtml };

  const bare = address => {
    const url = new URL(address);
    url.username = url.password = url.hash = '';
    return url.href;
  };

  // Whether this is the document that something is for: of that origin; the page itself at that
  // address, or a frame in a page of the origin `top`.
  const isMeant = (origins, { address, top }) => {
    if (!origins.includes(self.origin)) return false;
    if (address !== null) return window === window.top && bare(location.href) === bare(address);
    return window !== window.top && [...location.ancestorOrigins].at(-1) === top;
  };
  const ELSEWHERE = 'another document came in its place';

  // Fill fields as soon as they are there, and scroll as soon as the page is long enough: at once,
  // or at what happens within `bound` milliseconds. Before each it is asked again whether this is
  // still the document that they are for.
  const fill = (fields, scroll, meant, bound) =>
    new Promise(done => {
      const lost = [];
      let waiting = fields;
      let scrolls = scroll !== null;
      let timer = 0;
      const attempt = () => {
        waiting = waiting.filter(field => {
          try {
            if (!isMeant([field.origin], meant)) throw new Unfit(ELSEWHERE);
            const element = document.querySelector(field.path);
            if (!element || !isConnected.call(element)) return true;
            SETTERS[field.kind](element, field.value);
          } catch (error) {
            lost.push(['form', `${field.path.slice(0, 200)}: ${words(error)}`]);
          }
          return false;
        });
        if (scrolls && !isMeant(scroll.origins, meant)) {
          lost.push(['scroll', ELSEWHERE]);
          scrolls = false;
        }
        if (scrolls) {
          const way = { left: scroll.x, top: scroll.y, behavior: 'instant' };
          window.scrollTo(way);
          scrolls = Math.abs(scrollX - scroll.x) > 2 || Math.abs(scrollY - scroll.y) > 2;
        }
        return !waiting.length && !scrolls;
      };
      const watching = new MutationObserver(() => attempt() && finish());
      const sizes = new ResizeObserver(() => attempt() && finish());
      const finish = () => {
        watching.disconnect();
        sizes.disconnect();
        clearTimeout(timer);
        removeEventListener('load', look);
        for (const field of waiting) lost.push(['form', `${field.path.slice(0, 200)}: it is not in the page`]);
        if (scrolls) lost.push(['scroll', 'the page is not that long now']);
        done(lost);
      };
      const look = () => attempt() && finish();
      if (attempt() || bound <= 0) return finish();
      watching.observe(document, { childList: true, subtree: true });
      if (document.documentElement) sizes.observe(document.documentElement);
      addEventListener('load', look);
      timer = setTimeout(finish, bound);
    });

  return { put, again, fill }[work](...JSON.parse(text));
}
