'use strict';

// el makes an element; attributes that begin with "on" are listeners, style is an object of properties.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (key === 'style') for (const [k, v] of Object.entries(value)) e.style.setProperty(k, v);
    else e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
  return e;
}

// section appends a titled part of the page, with a link to it at the top.
function section(title, ...children) {
  const id = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const s = el('section', {id}, el('h2', {}, title), children);
  document.getElementById('page').append(s);
  const links = document.getElementById('contents');
  if (links) links.append(el('a', {href: '#' + id}, title));
  return s;
}

// show writes a number with so many digits behind the point, less those before it.
function show(v, digits = 4) {
  if (v === null || v === undefined) return '–';
  const a = Math.abs(v);
  if (v !== 0 && (a < 10 ** -digits || a >= 1e6)) return v.toExponential(2);
  if (Number.isInteger(v) && a > 1) return String(v);
  return v.toFixed(Math.max(0, digits - (a < 1 ? 0 : Math.floor(Math.log10(a)) + 1)));
}

// Colours that the colour-blind tell apart (Okabe and Ito), then hues a golden angle apart.
const palette = ['#1f83c9', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a6d3b', '#7f56c5', '#c0392b', '#5f6a72'];
function colour(i) {
  return i < palette.length ? palette[i] : `hsl(${(i * 137.508) % 360} 60% ${i % 2 ? 45 : 60}%)`;
}

// ink is a colour of the page's style as it is now, light or dark.
function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); }

// table makes a table that scrolls by itself where the page is narrow; cells are text, elements, or {number: text}.
function table(head, rows, options = {}) {
  const cell = (tag, c) => c && typeof c === 'object' && !(c instanceof Node) && !Array.isArray(c)
    ? el(tag, {class: 'number', title: c.title}, c.number) : el(tag, {}, c);
  return el('div', {class: 'wide'}, el('table', {class: options.class},
    options.caption && el('caption', {}, options.caption),
    el('thead', {}, el('tr', {}, head.map(h => cell('th', h)))),
    el('tbody', {}, rows.map(r => el('tr', {}, r.map((c, i) => cell(i === 0 ? 'th' : 'td', c)))))));
}

// select offers values, an object of value: text.
function select(label, values, chosen, change) {
  return el('label', {}, label, el('select', {onchange: e => change(e.target.value)},
    Object.entries(values).map(([v, text]) => el('option', {value: v, selected: v === chosen}, text))));
}
