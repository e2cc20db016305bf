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
  // Characters that are to be in memory beside those that are kept.
  const MOST_BATCH = 1_000_000;
  // Values in one another: far fewer than whoever reads them can go down.
  const MOST_DEEP = 100;
  const MOST_PATHS = 10_000;
  const MOST_FOLDERS = 64;
  const MOST_PATH_CHARACTERS = 2_000_000;
  const MOST_LOST = 100;
  // Milliseconds that a database has to open, however many there are.
  const LEAST_PATIENCE = 300;
  const NO_TIME = 'there was no time to read it';
  const BLOCKED = 'the page holds it up';

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
  const isPlain = (value, within = new Set(), depth = 0) => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
    if (typeof value !== 'object' || within.has(value) || depth >= MOST_DEEP) return false;
    within.add(value);  // one that is there twice would become two
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) if (!isPlain(value[i], within, depth + 1)) return false;
      return Object.keys(value).length === value.length;
    }
    if (Object.getPrototypeOf(value) !== Object.prototype || kindOf(value) !== 'Object') return false;
    const names = Object.keys(value);
    return !names.includes('__proto__') && names.every(name => isPlain(value[name], within, depth + 1));
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
  // into `later`, with its size; without one it is unreadable.
  const encode = (value, later, seen = new Map(), depth = 0) => {
    if (typeof value === 'function' || typeof value === 'symbol') throw new Unreadable(typeof value);
    if (typeof value !== 'object' || value === null) return primitive(value);
    if (seen.has(value)) return { ref: seen.get(value) };
    if (depth >= MOST_DEEP) throw new Error(`it has more than ${MOST_DEEP} values in one another`);
    const kind = kindOf(value);
    const id = seen.size + 1;
    const inner = item => encode(item, later, seen, depth + 1);
    const bytes = (holder, blob) => {
      if (!later) throw new Unreadable(kind);
      later.size += Math.ceil(blob.size / 3) * 4;
      later.tasks.push(async () => { holder.b = base64(new Uint8Array(await blob.arrayBuffer())); });
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

  const told = (record, name, value, later) => {
    if (isPlain(value)) record[name] = value;
    else record[name + 'Encoded'] = encode(value, later);
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

  // The values of these keys; `undefined` in the place of one that can't be read.
  const valuesOf = async (store, range, keys, unread) => {
    try {
      return await asked(store.getAll(range, keys.length));
    } catch {
      return Promise.all(keys.map(key => asked(store.get(key)).catch(error => {
        unread(error);
        return undefined;
      })));
    }
  };

  // Every record of a store as a text, or as what becomes one when its blobs are read. It is counted
  // as it comes: what is not kept is a batch, which is smaller where the records are large.
  const gathered = async (store, budget, unread, check) => {
    const rows = [];
    for (let key, count = 10; ;) {
      const range = after(key);
      const keys = await asked(store.getAllKeys(range, count));
      if (!keys.length) return rows;
      check();
      const values = await valuesOf(store, range, keys, unread);
      check();
      let size = 0;
      for (let i = 0; i < keys.length; i++) {
        const record = {};
        const later = { tasks: [], size: 0 };
        try {
          if (store.keyPath === null) told(record, 'key', keys[i], later);
          told(record, 'value', values[i], later);
        } catch (error) {
          unread(error);
          continue;
        }
        const text = JSON.stringify(record);
        size += text.length;
        if ((budget.left -= text.length + later.size) < 0) throw new Error('too large');
        rows.push(later.tasks.length ? { record, tasks: later.tasks } : text);
      }
      key = keys[keys.length - 1];
      count = Math.max(1, Math.min(BATCH, Math.floor(MOST_BATCH * keys.length / (size || 1))));
    }
  };

  const paths = path => typeof path === 'string' ? { keyPath: path }
    : Array.isArray(path) ? { keyPathArray: [...path] } : {};

  const stored = async (store, rows, unread, check) => {
    const texts = [];
    for (const row of rows) {
      if (typeof row === 'string') {
        texts.push(row);
        continue;
      }
      try {
        for (const task of row.tasks) await task();
      } catch (error) {
        unread(error);
        continue;
      }
      check();
      texts.push(JSON.stringify(row.record));
    }
    const head = JSON.stringify({ ...store, keyPath: undefined, ...paths(store.keyPath) });
    return `${head.slice(0, -1)},"records":[${texts.join(',')}]}`;
  };

  // What is in it; it is closed then.
  const database = async (open, { name, version }, budget, unread, check) => {
    const stores = [];
    try {
      check();
      const names = [...open.objectStoreNames];
      const transaction = names.length ? open.transaction(names, 'readonly') : null;
      // One store is asked as soon as the one before has said all: a transaction ends when nothing is
      // asked of it.
      for (const each of names) {
        const store = transaction.objectStore(each);
        const indexes = [...store.indexNames].map(index => store.index(index)).map(index => ({
          name: index.name, ...paths(index.keyPath), multiEntry: index.multiEntry, unique: index.unique,
        }));
        const { autoIncrement, keyPath } = store;
        const rows = await gathered(store, budget, unread, check);
        stores.push([{ name: each, autoIncrement, keyPath, indexes }, rows]);
      }
    } finally {
      open.close();
    }
    const texts = [];
    for (const [store, rows] of stores) texts.push(await stored(store, rows, unread, check));
    return `{"name":${JSON.stringify(name)},"version":${version},"stores":[${texts.join(',')}]}`;
  };

  const checking = until => () => {
    if (performance.now() > until) throw new Error(NO_TIME);
  };
  const within = (promise, milliseconds, why) => {
    let timer;
    const over = new Promise((_, failed) => {
      timer = setTimeout(() => failed(new Error(why)), Math.max(milliseconds, 0));
    });
    return Promise.race([promise, over]).finally(() => clearTimeout(timer));
  };

  // The databases that are being read. None is read twice at a time: it may be held up for long.
  const reading = new Set();
  const databaseInTime = async (each, budget, unread, until) => {
    if (reading.has(each.name)) throw new Error(BLOCKED);
    reading.add(each.name);
    const opening = opened(each.name, each.version);
    let work = opening;
    try {
      const patience = Math.max(LEAST_PATIENCE, (until - performance.now()) / 3);
      const open = await within(opening, patience, BLOCKED);
      work = database(open, each, budget, unread, checking(until));
      return await within(work, until - performance.now(), NO_TIME);
    } catch (error) {
      if (work === opening) opening.then(open => open.close(), () => {});
      throw error;
    } finally {
      work.catch(() => {}).then(() => reading.delete(each.name));
    }
  };

  const listed = async (folder, parent, depth, walk) => {
    for await (const [name, handle] of folder.entries()) {
      walk.check();
      const path = parent ? `${parent}/${name}` : name;
      walk.size += path.length;
      if (walk.found.length >= MOST_PATHS || walk.size > MOST_PATH_CHARACTERS) {
        walk.isCut = true;
        return;
      }
      if (handle.kind === 'directory') {
        walk.found.push({ path, type: 'directory' });
        if (depth < MOST_FOLDERS) await listed(handle, path, depth + 1, walk);
        else walk.deep.push(path);
      } else {
        const file = await handle.getFile().catch(() => null);
        walk.found.push({ path, type: 'file', file, size: file?.size, changed: file?.lastModified });
      }
    }
  };

  const digest = async text => {
    const bytes = new TextEncoder().encode(text);
    return base64(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
  };

  const filesRead = async (stamp, most, check) => {
    const walk = { check, found: [], deep: [], size: 0, isCut: false };
    await listed(await navigator.storage.getDirectory(), '', 1, walk);
    const found = walk.found.sort((a, b) => (a.path < b.path ? -1 : 1));
    const now = await digest(JSON.stringify([
      walk.isCut, found.map(({ path, type, size, changed }) => [path, type, size, changed]),
    ]));
    if (now === stamp) return '{}';
    const lost = walk.deep.map(path => [path, `it has more than ${MOST_FOLDERS} folders in one another`]);
    if (walk.isCut) lost.unshift(['', 'there are too many files, or their names are too long']);
    const kept = [];
    let left = most;
    for (const { path, type, file, size } of found) {
      left -= path.length;
      if (type === 'file' && !file) lost.push([path, 'it could not be opened']);
      else if (left < 0 || (file && left < Math.ceil(size / 3) * 4)) lost.push([path, 'too large']);
      else if (type === 'directory') kept.push({ path, type });
      else {
        left -= Math.ceil(size / 3) * 4;
        check();
        try {
          kept.push({ path, type, base64: base64(new Uint8Array(await file.arrayBuffer())) });
        } catch (error) {
          lost.push([path, String(error.message || error)]);
        }
      }
    }
    const more = lost.length - MOST_LOST;
    if (more > 0) lost.splice(MOST_LOST, more, ['', `${more} more of its files could not be read`]);
    const shortened = lost.map(([path, why]) => [path.slice(0, 1000), why]);
    return inPieces({ stamp: now, lost: shortened }, kept.length ? [ascii(JSON.stringify(kept))] : []);
  };
  let isWalking = false;

  // A long text is fetched in pieces: in ASCII, so that none is cut within a character.
  const held = { text: '' };
  const ascii = text => /[^\x00-\x7f]/.test(text)
    ? text.replace(/[^\x00-\x7f]/g, unit => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'))
    : text;
  const inPieces = (head, bodies) => {
    held.text = bodies.join('');
    return JSON.stringify({ ...head, lengths: bodies.map(body => body.length) });
  };

  // The document, and what its origin has in its areas; of each only what is not known already.
  const now = ({ look, local, session }) => {
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
    return answer;
  };

  return {
    token,

    // A piece of what was answered last.
    piece({ from, to }) {
      const text = held.text.slice(from, to);
      if (to >= held.text.length) held.text = '';
      return JSON.stringify(text);
    },

    read(asked) {
      return JSON.stringify(now(asked));
    },

    // The same, and the bytes that the origin has of what; none where no page of it may know them.
    async weighed(asked) {
      const answer = now(asked);
      const told = await navigator.storage?.estimate().catch(() => null);
      return JSON.stringify({ ...answer, usage: told?.usageDetails });
    },

    // The databases that there are, and what is in those that are asked for (all without `names`).
    async databases({ names, skip, most, time }) {
      const until = performance.now() + time;
      const budget = { left: most };
      const lost = [];
      const blocked = [];
      const there = (await indexedDB.databases()).sort((a, b) => (a.name < b.name ? -1 : 1));
      const read = [];
      const texts = [];
      for (const each of there) {
        if ((names && !names.includes(each.name)) || skip.includes(each.name)) continue;
        const unread = new Map();
        const { left } = budget;
        try {
          const text = ascii(await databaseInTime(each, budget, error => {
            const what = error instanceof Unreadable ? `a record with a ${error.message}` : '';
            const why = what || String(error.message || error);
            unread.set(why, (unread.get(why) || 0) + 1);
          }, until));
          read.push(each.name);
          texts.push(text);
        } catch (error) {
          budget.left = left;
          const why = String(error.message || error);
          lost.push([each.name, why]);
          if (why === BLOCKED) blocked.push(each.name);
        }
        for (const [why, count] of unread) lost.push([each.name, `${why} (${count})`]);
      }
      return inPieces({ there: there.map(each => each.name), lost, blocked, read }, texts);
    },

    // The private file system, unless it looks as it did.
    async files({ stamp, most, time }) {
      if (isWalking) throw new Error('the last look at them is not over');
      isWalking = true;
      try {
        return await filesRead(stamp, most, checking(performance.now() + time));
      } finally {
        isWalking = false;
      }
    },
  };
}
