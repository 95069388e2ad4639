const open = document.querySelector('#open')
const token = location.hash.slice(1)
const { scheme } = open.dataset

if (scheme && /^[\w-]{20,100}$/.test(token)) {
  open.href = `${scheme}://qr#${token}`
  open.hidden = false
}
