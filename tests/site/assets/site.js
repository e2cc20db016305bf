// One line of what happened, for people and for tests: <pre id="log"> is the page's own record.
function log(text) {
  document.getElementById('log').textContent += text + '\n';
}
