// What runs a caller's code in the page's own world and makes bounded text of what comes of it; of what
// it throws too. `LIMIT` stands for the characters of a value.
(() => {
  const most = LIMIT;
  const mostThrown = 10000;
  const said = thrown => {
    const isError = thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]';
    const cut = text => String(text).slice(0, mostThrown);
    if (isError) {
      const trace = thrown.stack;
      return cut(typeof trace === 'string' && trace ? trace.slice(0, mostThrown).split('\n    at ')[0] : thrown);
    }
    if (typeof thrown !== 'object' || thrown === null) return `Uncaught ${cut(thrown)}`;
    if (typeof thrown.message === 'string') return `Uncaught ${cut(thrown.name ?? 'error')}: ${cut(thrown.message)}`;
    if (thrown instanceof Node) return `Uncaught ${cut(thrown.outerHTML ?? thrown.textContent)}`;
    return `Uncaught ${cut(JSON.stringify(thrown))}`;
  };
  const failed = thrown => {
    try {
      return { kind: 'error', text: said(thrown) };
    } catch {
      return { kind: 'error', text: "Uncaught value that JSON can't hold" };
    }
  };
  const valueOf = async work => {
    const value = await work();
    return typeof value === 'function' ? await value() : value;
  };
  const textOf = value => {
    const bounded = (kind, text) => (text.length > most
      ? { kind: 'error', text: `the value's JSON is over ${most} characters` } : { kind, text });
    switch (typeof value) {
      case 'undefined': case 'function': return { kind: 'none', text: '' };
      case 'symbol': return { kind: 'error', text: "the value is a symbol, which JSON can't hold" };
      case 'bigint': return bounded('odd', `${value}n`);
      case 'string': return bounded('text', value);
      case 'number': return Number.isFinite(value)
        ? { kind: 'json', text: `${value}` } : { kind: 'odd', text: `${value}` };
      case 'boolean': return { kind: 'json', text: `${value}` };
    }
    if (value === null) return { kind: 'none', text: '' };
    if (value instanceof Node) return bounded('text', String(value.outerHTML ?? value.textContent));
    if (value instanceof Error) return bounded('text', String(value));
    if (value instanceof Map) value = Object.fromEntries(value);
    if (value instanceof Set) value = [...value];
    const text = JSON.stringify(value);
    return text === undefined ? { kind: 'none', text: '' } : bounded('json', text);
  };
  const text = async work => {
    try {
      return textOf(await valueOf(work));
    } catch (thrown) {
      return failed(thrown);
    }
  };
  // What is not truthy is short.
  const truth = async work => {
    try {
      const value = await valueOf(work);
      return value ? { kind: 'met', text: '' } : { kind: 'unmet', text: value === '' ? "''" : String(value) };
    } catch (thrown) {
      return failed(thrown);
    }
  };

  // Where the last statement begins and ends, where that is an expression; null where it is none, or
  // can't be told. Nothing is run: what parses and what does not tells where statements end.
  const last = code => {
    const until = performance.now() + 500;
    const Body = (async () => {}).constructor;
    const parses = source => {
      try {
        new Body(source);
        return true;
      } catch {
        return false;
      }
    };
    const inComment = source => parses(`${source} )`);
    const endsItself = source => parses(`${source} 0`);
    const splits = (before, after) => {
      if (!parses(before) || !parses(`return (\n${after}\n)`)) return false;
      const plain = before.replace(/(\n\s*\/\/[^\n]*)+\s*$/, '').trimEnd();
      if (!parses(plain) || inComment(plain)) return false;
      // Where a line's end ends a statement, what follows can't go on with it on the same line.
      return endsItself(plain) || (/\n\s*$/.test(before) && !parses(`${plain} ${after.trimStart()}`));
    };
    const end = code.trimEnd().replace(/[\s;]+$/, '').length;
    for (let at = end - 1; at > 0 && performance.now() < until; at--) {
      if (!';}\n'.includes(code[at - 1])) continue;
      if (splits(code.slice(0, at), code.slice(at, end))) {
        return [at, end].map(place => Array.from(code.slice(0, place)).length);
      }
    }
    return null;
  };
  return { text, truth, last };
})()
