// What a document and its origin hold, read for a checkpoint. Runs in an isolated world: the page
// sees none of it. Answers are JSON texts. `token` names this document.
token => {
  const FIELDS = 'input, textarea, select, [contenteditable]';
  const NO_INPUT = new Set(['button', 'file', 'hidden', 'image', 'password', 'reset', 'submit']);
  const SECRET = /password|one-time-code|cc-/i;
  const SECRET_NAME = /passw|pwd|passphrase|cvc|cvv|one-?time|otp/i;
  const MOST_FIELDS = 1000;
  const MOST_HTML = 100_000;
  const MOST_VALUE = 1_000_000;
  const MOST_STATE = 1_000_000;
  // A longer answer is not remembered to be compared: it is told anew each time.
  const MOST_KEPT = 1_000_000;
  const BATCH = 200;

  // A control named `id` hides the `id` of its form, in our world too.
  const getter = (kind, name) => Function.prototype.call.bind(
    Object.getOwnPropertyDescriptor(kind.prototype, name).get,
  );
  const attribute = Function.prototype.call.bind(Element.prototype.getAttribute);
  const parentOf = getter(Node, 'parentElement');
  const nameOf = getter(Element, 'localName');
  const previousOf = getter(Element, 'previousElementSibling');

  const CODES = {
    Int8Array: 'i8', Uint8Array: 'ui8', Uint8ClampedArray: 'ui8c', Int16Array: 'i16', Uint16Array: 'ui16',
    Int32Array: 'i32', Uint32Array: 'ui32', Float32Array: 'f32', Float64Array: 'f64', BigInt64Array: 'bi64',
    BigUint64Array: 'bui64', Float16Array: 'f16', DataView: 'dv',
  };

  class Unreadable extends Error {}

  const base64 = bytes => {
    if (bytes.toBase64) return bytes.toBase64();
    let text = '';
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode.apply(null, bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  };
  const kindOf = value => Object.prototype.toString.call(value).slice(8, -1);

  // Whether JSON holds the value as it is.
  const isPlain = (value, within = new Set()) => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
    if (typeof value !== 'object' || within.has(value)) return false;
    within.add(value);  // one that is there twice would become two
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) if (!isPlain(value[i], within)) return false;
      return Object.keys(value).length === value.length;
    }
    if (Object.getPrototypeOf(value) !== Object.prototype || kindOf(value) !== 'Object') return false;
    const names = Object.keys(value);
    return !names.includes('__proto__') && names.every(name => isPlain(value[name], within));
  };

  const primitive = value => {
    if (value === undefined) return { v: 'undefined' };
    if (value === null) return { v: 'null' };
    if (typeof value === 'bigint') return { bi: String(value) };
    if (typeof value !== 'number') return value;
    if (Object.is(value, -0)) return { v: '-0' };
    return Number.isFinite(value) ? value : { v: String(value) };
  };

  // Playwright's serialization, and tags of ours. What has to be waited for (the bytes of blobs) is put
  // into `later`; without one it is unreadable.
  const encode = (value, later, seen = new Map()) => {
    if (typeof value === 'function' || typeof value === 'symbol') throw new Unreadable(typeof value);
    if (typeof value !== 'object' || value === null) return primitive(value);
    if (seen.has(value)) return { ref: seen.get(value) };
    const kind = kindOf(value);
    const id = seen.size + 1;
    const inner = item => encode(item, later, seen);
    const bytes = (holder, blob) => {
      if (!later) throw new Unreadable(kind);
      later.push(blob.arrayBuffer().then(read => { holder.b = base64(new Uint8Array(read)); }));
    };
    if (kind === 'Date') return { d: value.toJSON() };
    if (kind === 'RegExp') return { r: { p: value.source, f: value.flags } };
    if (kind === 'URL') return { u: value.toJSON() };
    if (kind === 'Boolean' || kind === 'Number' || kind === 'String') return primitive(value.valueOf());
    if (kind === 'BigInt') return primitive(value.valueOf());
    if (kind === 'ArrayBuffer') return { ab: { b: base64(new Uint8Array(value)) } };
    if (CODES[kind]) {
      const view = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return { ta: { b: base64(view), k: CODES[kind] } };
    }
    if (kind === 'Blob') {
      const bl = { t: value.type, b: '' };
      bytes(bl, value);
      return { bl };
    }
    if (kind === 'File') {
      const fi = { n: value.name, t: value.type, m: value.lastModified, b: '' };
      bytes(fi, value);
      return { fi };
    }
    if (kind === 'ImageData') {
      const view = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
      return { im: { w: value.width, h: value.height, b: base64(view) } };
    }
    if (value instanceof Error) {
      return { e: { n: String(value.name), m: String(value.message), s: String(value.stack || '') } };
    }
    seen.set(value, id);
    if (kind === 'Map') return { m: Array.from(value, ([k, v]) => [inner(k), inner(v)]), id };
    if (kind === 'Set') return { se: Array.from(value, inner), id };
    if (Array.isArray(value)) return { a: Array.from(value, inner), id };
    if (kind !== 'Object') throw new Unreadable(kind);
    return { o: Object.keys(value).map(k => ({ k, v: inner(value[k]) })), id };
  };

  const waited = async value => {
    const later = [];
    const encoded = encode(value, later);
    await Promise.all(later);
    return encoded;
  };

  const told = (record, name, value) => {
    if (isPlain(value)) {
      record[name] = value;
      return undefined;
    }
    return waited(value).then(encoded => { record[name + 'Encoded'] = encoded; });
  };

  const pathOf = element => {
    const steps = [];
    for (let node = element; node; node = parentOf(node)) {
      const id = attribute(node, 'id');
      if (id && document.querySelectorAll('#' + CSS.escape(id)).length === 1) {
        steps.unshift('#' + CSS.escape(id));
        break;
      }
      const name = nameOf(node);
      if (!parentOf(node)) {
        steps.unshift(CSS.escape(name));
        break;
      }
      let place = 1;
      for (let other = previousOf(node); other; other = previousOf(other)) {
        if (nameOf(other) === name) place++;
      }
      steps.unshift(`${CSS.escape(name)}:nth-of-type(${place})`);
    }
    return steps.join(' > ');
  };

  // Those that were once seen as fields for passwords: many pages show a password on demand.
  const passwords = new WeakSet();
  const isSecret = element => {
    if (element.type === 'password') passwords.add(element);
    return passwords.has(element)
      || SECRET.test(attribute(element, 'autocomplete') || '')
      || SECRET_NAME.test(`${attribute(element, 'name') || ''} ${attribute(element, 'id') || ''}`)
      || (getComputedStyle(element).webkitTextSecurity || 'none') !== 'none';
  };

  // What an input of these attributes has in it before anybody touches it.
  const initial = element => {
    const fresh = document.createElement('input');
    for (const name of ['type', 'min', 'max', 'step', 'multiple', 'value']) {
      const value = attribute(element, name);
      if (value !== null) fresh.setAttribute(name, value);
    }
    return fresh.value;
  };

  const preselected = element => {
    const options = [...element.options];
    const chosen = options.filter(option => option.defaultSelected);
    if (element.multiple) return chosen;
    const first = element.size > 1 ? [] : options.filter(option => !option.disabled).slice(0, 1);
    return chosen.length ? chosen.slice(-1) : first;
  };

  const fieldOf = element => {
    const name = nameOf(element);
    const isTouched = () => element.matches(':user-valid, :user-invalid');
    if (name === 'select') {
      const chosen = [...element.options].filter(option => option.selected);
      const before = preselected(element);
      const same = chosen.length === before.length && chosen.every((option, i) => option === before[i]);
      return same && !isTouched() ? null : { kind: 'selected', value: chosen.map(option => option.value) };
    }
    if (name === 'input' && (element.type === 'checkbox' || element.type === 'radio')) {
      if (element.checked === element.defaultChecked && !isTouched()) return null;
      return { kind: 'checked', value: element.checked };
    }
    if (name === 'textarea' || name === 'input') {
      if (name === 'input' && NO_INPUT.has(element.type)) return null;
      const { value } = element;
      const isChanged = value !== element.defaultValue && (name === 'textarea' || value !== initial(element));
      return isChanged || isTouched() ? { kind: 'value', value } : null;
    }
    if (!element.isContentEditable || parentOf(element)?.isContentEditable) return null;
    const html = element.innerHTML;
    return html.trim() ? { kind: 'html', value: html } : null;
  };

  const fields = () => {
    const found = [];
    let cut = 0;
    for (const element of document.querySelectorAll(FIELDS)) {
      if (nameOf(element) === 'input' && element.type === 'password') passwords.add(element);
      const field = fieldOf(element);
      if (!field || isSecret(element)) continue;
      const bound = field.kind === 'html' ? MOST_HTML : MOST_VALUE;
      if (found.length >= MOST_FIELDS || JSON.stringify(field.value).length > bound) cut++;
      else found.push({ path: pathOf(element), ...field });
    }
    return { fields: found, cut };
  };

  const historyState = () => {
    try {
      if (history.state === null) return {};
      const state = encode(history.state);
      return JSON.stringify(state).length > MOST_STATE ? { stateless: 'too large' } : { state };
    } catch (error) {
      return { stateless: String(error.message || error) };
    }
  };

  const entries = area => {
    const all = [];
    for (let i = 0; i < area.length; i++) {
      const name = area.key(i);
      all.push([name, area.getItem(name)]);
    }
    return all;
  };

  const last = {};
  // The answer, unless it is what was told under that number. Read by `read` alone.
  const unlessKnown = (what, known, make) => {
    let text;
    try {
      text = JSON.stringify(make());
    } catch (error) {
      return { why: String(error.message || error) };
    }
    const before = last[what];
    if (before && before.n === known && before.text === text) return { n: known };
    const n = (before?.n || 0) + 1;
    last[what] = { n, text: text.length > MOST_KEPT ? null : text };
    return { n, text };
  };

  const asked = request => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = event => {
      event.preventDefault();
      failed(request.error);
    };
  });

  const opened = (name, version) => new Promise((done, failed) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.transaction.abort();  // it was deleted meanwhile
    request.onerror = event => {
      event.preventDefault();
      failed(request.error);
    };
    request.onsuccess = () => {
      const database = request.result;
      database.onversionchange = () => database.close();  // never in the page's way
      if (database.version !== version) {
        database.close();
        failed(new Error('its version changed while it was read'));
      } else done(database);
    };
  });

  const after = key => key === undefined ? undefined : IDBKeyRange.lowerBound(key, true);

  // Every key and value of a store; `undefined` in the place of a value that can't be read.
  const gathered = async (store, unread) => {
    const found = [];
    for (let key; ;) {
      const keys = await asked(store.getAllKeys(after(key), BATCH));
      if (!keys.length) return found;
      let values;
      try {
        values = await asked(store.getAll(after(key), BATCH));
      } catch {
        values = await Promise.all(keys.map(one => asked(store.get(one)).catch(error => {
          unread(error);
          return undefined;
        })));
      }
      for (let i = 0; i < keys.length; i++) found.push([keys[i], values[i]]);
      key = keys[keys.length - 1];
    }
  };

  const paths = path => typeof path === 'string' ? { keyPath: path }
    : Array.isArray(path) ? { keyPathArray: [...path] } : {};

  const stored = async (store, rows, budget, unread) => {
    const texts = [];
    for (let i = 0; i < rows.length; i++) {
      if (i % BATCH === BATCH - 1) await globalThis.scheduler?.yield?.();
      const record = {};
      try {
        if (store.keyPath === null) await told(record, 'key', rows[i][0]);
        await told(record, 'value', rows[i][1]);
      } catch (error) {
        unread(error);
        continue;
      }
      const text = JSON.stringify(record);
      budget.left -= text.length;
      if (budget.left < 0) throw new Error('too large');
      texts.push(text);
    }
    const head = JSON.stringify({ ...store, keyPath: undefined, ...paths(store.keyPath) });
    return `${head.slice(0, -1)},"records":[${texts.join(',')}]}`;
  };

  const database = async ({ name, version }, budget, unread) => {
    const open = await opened(name, version);
    const stores = [];
    try {
      const names = [...open.objectStoreNames];
      const transaction = names.length ? open.transaction(names, 'readonly') : null;
      // All are asked before any is encoded: a transaction ends when nothing is asked of it.
      await Promise.all(names.map(async (each, i) => {
        const store = transaction.objectStore(each);
        const indexes = [...store.indexNames].map(index => store.index(index)).map(index => ({
          name: index.name, ...paths(index.keyPath), multiEntry: index.multiEntry, unique: index.unique,
        }));
        const { autoIncrement, keyPath } = store;
        stores[i] = [{ name: each, autoIncrement, keyPath, indexes }, await gathered(store, unread)];
      }));
    } finally {
      open.close();
    }
    const texts = [];
    for (const [store, rows] of stores) texts.push(await stored(store, rows, budget, unread));
    return `{"name":${JSON.stringify(name)},"version":${version},"stores":[${texts.join(',')}]}`;
  };

  const listed = async (folder, parent, found) => {
    for await (const [name, handle] of folder.entries()) {
      const path = parent ? `${parent}/${name}` : name;
      if (handle.kind === 'directory') {
        found.push({ path, type: 'directory' });
        await listed(handle, path, found);
      } else {
        const file = await handle.getFile().catch(() => null);
        found.push({ path, type: 'file', file, size: file?.size, changed: file?.lastModified });
      }
    }
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  };

  // A long text is fetched in pieces: in ASCII, so that none is cut within a character.
  const held = { text: '' };
  const ascii = text => /[^\x00-\x7f]/.test(text)
    ? text.replace(/[^\x00-\x7f]/g, unit => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'))
    : text;
  const inPieces = (head, bodies) => {
    held.text = bodies.join('');
    return JSON.stringify({ ...head, lengths: bodies.map(body => body.length) });
  };

  return {
    token,

    // A piece of what was answered last.
    piece({ from, to }) {
      const text = held.text.slice(from, to);
      if (to >= held.text.length) held.text = '';
      return JSON.stringify(text);
    },

    // The document, and what its origin has in its areas; of each only what is not known already.
    read({ look, local, session }) {
      const answer = { origin: self.origin };
      if (look !== undefined) {
        answer.look = unlessKnown('look', look, () => ({
          url: document.URL, title: document.title, x: scrollX, y: scrollY, ...historyState(), ...fields(),
        }));
      }
      if (local !== undefined) answer.local = unlessKnown('local', local, () => entries(localStorage));
      if (session !== undefined) {
        answer.session = unlessKnown('session', session, () => entries(sessionStorage));
      }
      return JSON.stringify(answer);
    },

    // The databases that there are, and what is in those that are asked for (all without `names`).
    async databases({ names, most }) {
      const budget = { left: most };
      const lost = [];
      const there = (await indexedDB.databases()).sort((a, b) => (a.name < b.name ? -1 : 1));
      const read = [];
      const texts = [];
      for (const each of there) {
        if (names && !names.includes(each.name)) continue;
        const unread = new Map();
        const { left } = budget;
        try {
          const text = ascii(await database(each, budget, error => {
            const what = error instanceof Unreadable ? `a record with a ${error.message}` : '';
            const why = what || String(error.message || error);
            unread.set(why, (unread.get(why) || 0) + 1);
          }));
          read.push(each.name);
          texts.push(text);
        } catch (error) {
          budget.left = left;
          lost.push([each.name, String(error.message || error)]);
        }
        for (const [why, count] of unread) lost.push([each.name, `${why} (${count})`]);
      }
      return inPieces({ there: there.map(each => each.name), lost, read }, texts);
    },

    // The private file system, unless it looks as it did.
    async files({ stamp, most }) {
      const found = await listed(await navigator.storage.getDirectory(), '', []);
      const now = JSON.stringify(found.map(({ path, type, size, changed }) => [path, type, size, changed]));
      if (now === stamp) return '{}';
      const lost = [];
      const kept = [];
      let left = most;
      for (const { path, type, file, size } of found) {
        if (type === 'directory') kept.push({ path, type });
        else if (!file) lost.push([path, 'it could not be opened']);
        else if ((left -= Math.ceil(size / 3) * 4) < 0) lost.push([path, 'too large']);
        else {
          try {
            kept.push({ path, type, base64: base64(new Uint8Array(await file.arrayBuffer())) });
          } catch (error) {
            lost.push([path, String(error.message || error)]);
          }
        }
      }
      return inPieces({ stamp: now, lost }, kept.length ? [ascii(JSON.stringify(kept))] : []);
    },
  };
}
