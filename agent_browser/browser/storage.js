// What `storage` does in a document, evaluated in an isolated world of ours: `localStorage` there is
// the origin's own, and nothing of it is the page's to change.
(request) => {
  // The mark of a text, by which it is known again: ages.py makes the same.
  const mark = text => {
    let sum = 0x811c9dc5;
    const step = Math.ceil(text.length / 10000) || 1;
    for (let at = 0; at < text.length; at += step)
      sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
    return `${text.length}.${sum >>> 0}`;
  };
  let area;
  try {
    area = request.area === 'local' ? localStorage : sessionStorage;
  } catch (error) {
    return { denied: String(error.message) };
  }
  const keys = () => {
    const found = [];
    for (let at = 0; at < area.length; at++) found.push(area.key(at));
    return found.filter(key => key !== null && key.startsWith(request.prefix ?? '')).sort();
  };
  const entry = key => {
    const value = area.getItem(key);
    return value === null ? null : { key, value, mark: mark(value) };
  };
  switch (request.action) {
    case 'get':
      return { entry: entry(request.key) };
    case 'put': {
      const before = entry(request.key);
      try {
        area.setItem(request.key, request.value);
      } catch (error) {
        if (error.name !== 'QuotaExceededError') throw error;
        return { full: true };
      }
      return { entry: entry(request.key), isNew: before === null };
    }
    case 'delete': {
      const has = area.getItem(request.key) !== null;
      if (has) area.removeItem(request.key);
      return { removed: has ? [request.key] : [] };
    }
    case 'clear': {
      const gone = keys();
      if (gone.length === area.length) area.clear();
      else for (const key of gone) area.removeItem(key);
      return { removed: gone };
    }
    case 'list': {
      const all = keys();
      const { after, limit } = request;
      let first = 0;
      if (after !== null) while (first < all.length && !(all[first] > after)) first++;
      const shown = all.slice(first, first + limit).map(entry).filter(Boolean);
      return { entries: shown, total: all.length, more: first + limit < all.length };
    }
    case 'sweep': {
      const removed = [];
      for (const [key, known] of request.marks) {
        const now = entry(key);
        if (now !== null && now.mark === known) {
          area.removeItem(key);
          removed.push(key);
        }
      }
      return { removed };
    }
  }
}
