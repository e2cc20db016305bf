// In a world of ours in each document: what comes to its window with postMessage is told, before
// the page's own listeners have it. What a page makes up itself is not trusted, and not told.
(tell, most) => {
  const mark = Symbol.for(tell);
  if (globalThis[mark]) return;
  globalThis[mark] = true;
  const say = globalThis[tell];
  const shown = value => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Date) return isNaN(value) ? null : value.toISOString();
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    if (value instanceof RegExp || value instanceof Error) return String(value);
    if (value instanceof ArrayBuffer) return `[ArrayBuffer of ${value.byteLength} bytes]`;
    if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
    if (value instanceof Blob) return `[${value.constructor.name} of ${value.size} bytes]`;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const kind = Object.prototype.toString.call(value).slice(8, -1);
      if (kind !== 'Object') return `[${kind}]`;
    }
    return value;
  };
  const json = data => {
    try {
      return JSON.stringify(data, function (key) { return shown(this[key]); }) ?? 'null';
    } catch {
      return JSON.stringify(`[${Object.prototype.toString.call(data).slice(8, -1)}]`);
    }
  };
  const from = source => {
    if (source === null) return 'other';
    if (source === window) return 'self';
    if (window !== parent && source === parent) return 'parent';
    if (source === opener) return 'opener';
    for (let at = 0; at < window.length; at++) if (source === window[at]) return 'child';
    return 'other';
  };
  // What a page posts without end is counted here: all sessions share the way out.
  let second = 0, told = 0, skipped = 0;
  const isTooMany = () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) [second, told] = [now, 0];
    if (told < RATE) {
      told++;
      return false;
    }
    if (skipped++ === 0) setTimeout(() => {
      say(JSON.stringify({ skipped }));
      skipped = 0;
    }, 1000);
    return true;
  };
  addEventListener('message', event => {
    if (!event.isTrusted || isTooMany()) return;
    const text = json(event.data);
    say(JSON.stringify({
      at: Date.now(),
      frame: location.href.slice(0, 8192),
      origin: event.origin,
      target: self.origin,
      source: from(event.source),
      data: text.slice(0, most),
      truncated: text.length > most,
    }));
  }, true);
}
