"""What pages of tests store, in their own words."""

PUT = """(name, version, records, change) => new Promise((done, failed) => {
  const asked = indexedDB.open(name, version)
  asked.onupgradeneeded = () => {
    const store = asked.result.createObjectStore('things', {keyPath: 'id', autoIncrement: true})
    store.createIndex('by_name', 'name', {unique: true})
    store.createIndex('by_both', ['name', 'at'])
    store.createIndex('by_tag', 'tags', {multiEntry: true})
    asked.result.createObjectStore('loose')
  }
  asked.onsuccess = () => {
    const write = asked.result.transaction(['things', 'loose'], 'readwrite')
    records(write)
    write.oncomplete = () => { asked.result.close(); done() }
    write.onerror = failed
  }
  asked.onerror = failed
})"""


def put(name: str, records: str, version: int = 1) -> str:
    """Code that stores in a database of that name; `records` has the transaction as `write`."""
    return f"async () => {{ await ({PUT})('{name}', {version}, write => {{ {records} }}) }}"


def file(path: str, text: str) -> str:
    """Code that writes a file of the private file system."""
    return f"""async () => {{
      let folder = await navigator.storage.getDirectory()
      const parts = '{path}'.split('/')
      const name = parts.pop()
      for (const part of parts) folder = await folder.getDirectoryHandle(part, {{create: true}})
      const handle = await folder.getFileHandle(name, {{create: true}})
      const writable = await handle.createWritable()
      await writable.write('{text}')
      await writable.close()
    }}"""
