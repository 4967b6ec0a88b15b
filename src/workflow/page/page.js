'use strict';
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const {run, steps, visits} = data;
const kindOf = new Map(steps.map(s => [s.key, s.kind]));
const CLASS = {done: 'done', failed: 'failed', budget_exceeded: 'failed', failed_skipped: 'mended', fell_back: 'mended', cut_off: 'mended', skipped: 'skipped',
  open: 'waiting', waiting: 'waiting', cancelled: 'mended', interrupted: 'mended', running: 'waiting'};
const WORDS = {done: 'done', failed: 'failed', failed_skipped: 'failed, skipped', fell_back: 'failed, another stood in', cut_off: 'cut off', skipped: 'skipped',
  open: 'not ended', waiting: 'waits for a person', budget_exceeded: 'limit reached', none: 'not reached'};
const lookOf = name => CLASS[name] || 'waiting';
const STATES = {waiting: 'mended', open: 'mended'};
const wordsOf = name => WORDS[name] || String(name);

/* Text of documents reaches the page here only: as text nodes, with characters that cannot be seen made visible. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const visible = text => String(text).replace(/\r\n/g, '\n').replace(HIDDEN, c => '\u27e8' + c.codePointAt(0).toString(16).padStart(4, '0') + '\u27e9');
const el = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'onclick') node.addEventListener('click', value);
    else if (name === 'style') Object.assign(node.style, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : visible(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child instanceof Node ? child : visible(child));
  }
  return node;
};

const grouped = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
const time = us => us < 1000 ? us + ' µs' : us < 1e6 ? (us / 1e3).toFixed(us < 1e5 ? 1 : 0) + ' ms' : us < 6e7 ? (us / 1e6).toFixed(us < 1e7 ? 2 : 1) + ' s'
  : Math.floor(us / 6e7) + ' min ' + Math.round(us % 6e7 / 1e6) + ' s';
const money = usd => usd === 0 ? '$0' : usd < 0.0001 ? '<$0.0001' : '$' + usd.toFixed(usd < 1 ? 4 : 2);
const many = (n, word) => grouped(n) + ' ' + word + (n === 1 ? '' : 's');
const sum = (list, of) => list.reduce((total, one) => total + (of(one) || 0), 0);
const callsOf = visit => visit.calls || [];
/* A call that a visit made before the run was resumed counts there. */
const spent = calls => {
  const own = calls.filter(c => !c.kept);
  return {in: sum(own, c => c.spent.input_tokens), out: sum(own, c => c.spent.output_tokens), usd: sum(own, c => c.spent.usd)};
};
const calls = visits.flatMap(callsOf);
const total = spent(calls);
const end = Math.max(1, run.took_us || 0, ...visits.slice(0, 50000).map(v => v.start_us + v.took_us));

/* ---- the head ---- */
const fact = (value, name) => el('div', {class: 'fact'}, el('b', {}, value), el('span', {}, name));
const pill = outcome => el('span', {class: 'pill ' + (STATES[outcome] || lookOf(outcome))}, wordsOf(outcome));
document.getElementById('top').append(
  el('h1', {}, run.workflow), pill(run.status),
  data.description ? el('p', {class: 'sub'}, data.description) : null || '',
  el('p', {class: 'sub'}, el('span', {class: 'mono'}, run.run), '  started ' + run.started_at.slice(0, 19).replace('T', ' ') + ' UTC, seed ' + data.seed),
  el('div', {class: 'facts'},
    fact(time(run.took_us || end), 'at work'), fact(grouped(run.steps), 'step visits'), fact(grouped(calls.length), 'calls'),
    fact(grouped(total.in), 'tokens read'), fact(grouped(total.out), 'tokens written'), fact(money(total.usd), 'cost'),
    sum(calls, c => c.cached ? 1 : 0) ? fact(grouped(sum(calls, c => c.cached ? 1 : 0)), 'calls from the cache') : null));

/* ---- the timeline ---- */
visits.forEach((visit, at) => { visit.at = at; });
const byFrame = new Map();
for (const visit of visits) {
  if (!byFrame.has(visit.frame || '')) byFrame.set(visit.frame || '', []);
  byFrame.get(visit.frame || '').push(visit);
}
for (const list of byFrame.values()) list.sort((a, b) => a.start_us - b.start_us || a.at - b.at);
const below = new Map();
for (const frame of byFrame.keys()) {
  const cut = frame.lastIndexOf('[');
  if (cut < 0) continue;
  const opener = frame.slice(0, cut);
  if (!below.has(opener)) below.set(opener, []);
  below.get(opener).push([Number(frame.slice(cut + 1, -1)), frame]);
}
for (const list of below.values()) list.sort((a, b) => a[0] - b[0]);
const nameOf = visit => visit.step + (visit.visit > 1 ? ' (' + visit.visit + ')' : '');
const percent = us => (100 * us / end) + '%';
const tick = (() => {
  const rough = end / 5, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map(n => n * power).find(step => step >= rough);
})();
const ticks = [];
for (let at = 0; at <= end * 0.97; at += tick) ticks.push(at);
const lines = () => ticks.slice(1).map(at => el('span', {class: 'grid', style: {left: percent(at)}}));
const rowOf = new Map();

const bar = visit => {
  const track = el('span', {class: 'track'}, lines());
  if (visit.outcome === 'skipped') return track;
  const whole = el('span', {class: 'bar ' + lookOf(visit.outcome), style: {left: 'min(' + percent(visit.start_us) + ', calc(100% - 4px))', width: percent(visit.took_us)}});
  track.append(whole);
  /* Calls that overlap lie in lanes of their own. */
  const ends = [0, 0];
  let attempt = 1;
  for (const call of callsOf(visit)) {
    const lane = ends[0] <= call.start_us ? 0 : 1;
    ends[lane] = call.start_us + call.took_us;
    track.append(el('span', {class: 'call ' + call.kind + (call.failure ? ' bad' : '') + (call.cached ? ' cached' : ''),
      style: {left: percent(call.start_us), width: percent(call.took_us), top: (ends[1] ? 3 + 8 * lane : 7) + 'px'}}));
    if (call.attempt > attempt) {
      attempt = call.attempt;
      track.append(el('span', {class: 'try', style: {left: percent(call.start_us)}}));
    }
  }
  return track;
};
const list = el('div', {class: 'rows'});
const place = (frame, depth) => {
  for (const visit of byFrame.get(frame) || []) {
    const said = nameOf(visit) + ', ' + wordsOf(visit.outcome) + ', ' + time(visit.took_us) + (visit.attempts > 1 ? ', ' + visit.attempts + ' attempts' : '');
    const row = el('button', {class: 'row', type: 'button', title: said, 'aria-label': said, 'data-visit': visit.at, onclick: () => select(visit.key, visit)},
      el('span', {class: 'label', style: {paddingLeft: 16 * depth + 'px'}}, el('span', {class: 'dot ' + lookOf(visit.outcome)}), el('span', {}, nameOf(visit))),
      bar(visit),
      el('span', {class: 'took'}, visit.outcome === 'skipped' ? 'skipped' : visit.outcome === 'waiting' ? 'waits' : time(visit.took_us)));
    rowOf.set(visit, row);
    list.append(row);
    const opener = (frame ? frame + '/' : '') + visit.step + '.' + visit.visit;
    for (const [item, inner] of below.get(opener) || []) {
      if (kindOf.get(visit.key) === 'each') list.append(el('div', {class: 'item', style: {paddingLeft: 6 + 16 * (depth + 1) + 'px'}}, 'item ' + (item + 1)));
      place(inner, depth + (kindOf.get(visit.key) === 'each' ? 2 : 1));
    }
  }
};
place('', 0);
const kinds = ['model', 'retrieval', 'embedding', 'tool', 'read'].filter(kind => calls.some(call => call.kind === kind));
const legend = (className, words) => el('span', {}, el('i', {class: className}), words);
list.prepend(el('div', {class: 'row head'}, el('span', {}), el('div', {class: 'axis'}, ticks.map(at => el('span', {style: {left: percent(at)}}, at ? time(at) : '0'))), el('span', {})));
document.getElementById('timeline').append(list, el('div', {class: 'legend'},
  kinds.map(kind => legend('call ' + kind, {model: 'call of a model', retrieval: 'search', embedding: 'embedding', tool: 'tool', read: 'file'}[kind])),
  calls.some(call => call.failure) ? legend('call bad', 'call that failed') : null,
  calls.some(call => call.attempt > 1) ? legend('try', 'another attempt') : null));

/* ---- steps with what they took ---- */
const ofStep = new Map(steps.map(step => [step.key, []]));
for (const visit of visits) {
  if (!ofStep.has(visit.key)) ofStep.set(visit.key, []);
  ofStep.get(visit.key).push(visit);
}
const rank = new Map([...rowOf.keys()].map((visit, at) => [visit, at]));
for (const own of ofStep.values()) own.sort((a, b) => rank.get(a) - rank.get(b));
const WEIGHT = {skipped: 0, done: 1, open: 2, waiting: 2, failed_skipped: 3, fell_back: 4, cut_off: 4, failed: 5};
const outcomeOf = list => list.length ? list.map(v => v.outcome).reduce((a, b) => WEIGHT[b] > WEIGHT[a] ? b : a) : 'none';
const lineOf = new Map();
const most = Math.max(1, ...[...ofStep.values()].map(list => sum(list, v => v.took_us)));
const body = el('tbody');
for (const [key, own] of ofStep) {
  const made = own.flatMap(callsOf), took = sum(own, v => v.took_us), cost = spent(made), ran = own.filter(v => v.outcome !== 'skipped');
  const number = n => el('td', {class: n ? null : 'none'}, n ? grouped(n) : '–');
  const line = el('tr', {onclick: () => select(key)},
    el('td', {}, el('button', {type: 'button'}, el('span', {class: 'dot ' + lookOf(outcomeOf(own))}), key)),
    el('td', {class: 'none'}, kindOf.get(key) || ''),
    number(ran.length), number(made.length),
    el('td', {}, ran.length ? el('span', {class: 'share', style: {width: 56 * took / most + 'px'}}) : null, ran.length ? time(took) : '–'),
    number(cost.in), number(cost.out), el('td', {class: cost.usd ? null : 'none'}, cost.usd ? money(cost.usd) : '–'));
  lineOf.set(key, line);
  body.append(line);
}
document.getElementById('steps').append(el('div', {class: 'scroll'}, el('table', {},
  el('thead', {}, el('tr', {}, ['Step', 'Kind', 'Visits', 'Calls', 'Time', 'Tokens read', 'Tokens written', 'Cost'].map(name => el('th', {scope: 'col'}, name)))),
  body,
  el('tfoot', {}, el('tr', {}, el('td', {}, 'All'), el('td', {}), el('td', {}, grouped(sum(visits, v => v.outcome === 'skipped' ? 0 : 1))), el('td', {}, grouped(calls.length)),
    el('td', {}, time(run.took_us || end)), el('td', {}, grouped(total.in)), el('td', {}, grouped(total.out)), el('td', {}, money(total.usd)))))));

/* ---- values ---- */
const isLong = text => text.length > 72 || text.includes('\n');
const brief = value => {
  if (Array.isArray(value)) return many(value.length, 'item');
  const named = ['text', 'title', 'path', 'name', 'id'].map(name => value[name]).find(v => typeof v === 'string' && v);
  return named ? named.slice(0, 90) : Object.keys(value).join(', ');
};
const shown = (value, depth = 0) => {
  if (value === null || value === undefined) return el('span', {class: 'none mono'}, 'null');
  if (typeof value === 'string') return isLong(value) ? el('div', {class: 'text'}, value) : el('span', {}, value === '' ? '(empty text)' : value);
  if (typeof value !== 'object') return el('span', {class: 'mono'}, String(value));
  if (Array.isArray(value)) {
    if (!value.length) return el('span', {class: 'none'}, '(empty list)');
    if (value.every(one => typeof one !== 'object' && !isLong(String(one)))) return el('span', {}, value.map(String).join(', '));
    const whole = JSON.stringify(value);
    if (whole.length < 200 && value.every(one => Array.isArray(one) && one.every(inner => typeof inner === 'number'))) return el('span', {class: 'mono'}, whole);
    return el('div', {class: 'list'}, value.slice(0, 500).map((one, at) => typeof one === 'object' && one !== null
      ? fold((at + 1) + '.  ' + brief(one), () => shown(one, depth + 1), value.length === 1) : shown(one, depth + 1)),
      value.length > 500 ? el('span', {class: 'none'}, many(value.length - 500, 'more item')) : null);
  }
  const entries = Object.entries(value);
  if (!entries.length) return el('span', {class: 'none'}, '(empty object)');
  return el('dl', {class: 'kv'}, entries.flatMap(([name, one]) => {
    const big = (typeof one === 'string' && isLong(one)) || (typeof one === 'object' && one !== null && JSON.stringify(one).length > 60);
    const inner = big && typeof one === 'object' && depth > 0 ? fold(brief(one), () => shown(one, depth + 1)) : shown(one, depth + 1);
    return [el('dt', {class: big ? 'wide' : null}, name), el('dd', {class: big ? 'wide' : null}, inner)];
  }));
};
const fold = (words, make, open) => {
  const inner = el('div', {class: 'in'}), node = el('details', {class: 'fold', open: Boolean(open)}, el('summary', {}, words), inner);
  const fill = () => { if (node.open && !inner.firstChild) inner.append(make()); };
  node.addEventListener('toggle', fill);
  fill();
  return node;
};
const copyOf = value => el('button', {type: 'button', class: 'copy', onclick: event => {
  const button = event.currentTarget, text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  const told = words => { button.textContent = words; setTimeout(() => { button.textContent = 'Copy'; }, 1500); };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => told('Copied'), () => told('Not allowed'));
  else told('Not allowed');
}}, 'Copy');
const part = (name, content, value) => el('section', {class: 'part'}, el('h4', {}, name, value === undefined ? null : copyOf(value)), content);
const output = value => {
  if (value && typeof value === 'object' && !Array.isArray(value) && typeof value.text === 'string') {
    const {text, ...rest} = value;
    return el('div', {}, el('div', {class: 'text good'}, text || '(empty text)'), Object.keys(rest).length ? el('div', {style: {marginTop: '8px'}}, shown(rest)) : null);
  }
  return shown(value);
};

/* ---- one visit ---- */
const prompt = messages => messages.map(message => el('div', {}, el('div', {class: 'role'}, message.role || 'message'),
  message.content ? el('div', {class: 'text'}, typeof message.content === 'string' ? message.content : JSON.stringify(message.content, null, 2)) : null,
  message.tool_calls && message.tool_calls.length ? shown(message.tool_calls, 1) : null));
const callPart = (call, open) => {
  const tokens = call.spent.input_tokens + call.spent.output_tokens;
  const more = [time(call.took_us), tokens ? (call.spent.at_most ? 'at most ' : '') + grouped(call.spent.input_tokens) + ' → ' + grouped(call.spent.output_tokens) + ' tokens' : null,
    call.spent.usd ? money(call.spent.usd) : null, call.attempt > 1 ? 'attempt ' + call.attempt : null, call.cached ? 'from the cache' : null, call.kept ? 'from before' : null].filter(Boolean).join(', ');
  const node = el('details', {class: 'one', open}, el('summary', {}, el('span', {class: 'call ' + call.kind + (call.failure ? ' bad' : '')}), el('b', {}, call.name),
    el('span', {class: 'none'}, call.kind), el('span', {class: 'more'}, more)));
  const fill = () => {
    if (!node.open || node.dataset.full) return;
    node.dataset.full = '1';
    const request = call.request;
    if (request && Array.isArray(request.messages)) {
      const {messages, ...parameters} = request;
      node.append(el('h5', {}, 'Prompt'), ...prompt(messages), el('h5', {}, 'Parameters'), shown(parameters, 1));
    } else if (request !== null && request !== undefined) node.append(el('h5', {}, 'Request'), shown(request, 0));
    if (call.failure) node.append(el('h5', {}, 'Failure'), el('div', {class: 'text bad'}, call.failure.class + ': ' + call.failure.message));
    if (call.response !== undefined && call.response !== null) node.append(el('h5', {}, 'Answer'), output(call.response));
    else if (!call.failure) node.append(el('p', {class: 'none'}, 'The content of this call was not kept.'));
  };
  node.addEventListener('toggle', fill);
  fill();
  return node;
};
const about = visit => {
  const made = callsOf(visit), cost = spent(made);
  return [['skipped', 'waiting'].includes(visit.outcome) ? null : 'at ' + time(visit.start_us) + ' for ' + time(visit.took_us), visit.attempts > 1 ? many(visit.attempts, 'attempt') : null,
    made.length ? many(made.length, 'call') : null, cost.in + cost.out ? grouped(cost.in) + ' → ' + grouped(cost.out) + ' tokens' : null, cost.usd ? money(cost.usd) : null,
    visit.back_to ? 'went back to ' + visit.back_to : null, visit.frame ? 'in ' + visit.frame : null].filter(Boolean).join(', ');
};
const detail = document.getElementById('detail');
const close = () => el('button', {type: 'button', class: 'close', onclick: () => select(null)}, 'Show the run');

const showRun = () => {
  detail.replaceChildren(el('div', {class: 'who'}, el('h3', {}, 'The run'), pill(run.status)),
    el('p', {class: 'hint'}, 'Choose a step in the graph, the timeline or the list to see what went in and out. ', el('kbd', {}, '↑'), ' ', el('kbd', {}, '↓'), ' go through the timeline, ', el('kbd', {}, 'Esc'), ' comes back here.'));
  if (run.status === 'waiting') detail.append(part('Waits for a decision', el('div', {class: 'text'}, run.message)),
    part('Go on with', el('div', {class: 'text mono'}, 'ibid resume ' + run.run + ' --approve | --reject | --edit FILE')));
  else if (data.failure) detail.append(part('Failure', el('div', {class: 'text bad'}, data.failure.class + ': ' + data.failure.message)));
  detail.append(part('Input', shown(data.input), data.input));
  if (data.output !== null) detail.append(part('Output', output(data.output), data.output));
  for (const one of data.decisions) detail.append(part('Resumed ' + one.at.slice(0, 19).replace('T', ' '), one.decision ? shown(one.decision) : el('span', {class: 'none'}, 'without a decision')));
  detail.append(part('Workflow', fold('Show the file', () => el('div', {class: 'text mono'}, data.workflow)), data.workflow));
};
const showVisit = (key, visit, own) => {
  detail.replaceChildren(el('div', {class: 'who'}, el('h3', {}, visit ? nameOf(visit) : key), visit ? pill(visit.outcome) : pill('none'), el('span', {class: 'none'}, kindOf.get(key) || ''), close()));
  if (own.length > 1) detail.append(el('div', {class: 'picks', role: 'group', 'aria-label': 'Visits'}, own.map((one, at) => el('button', {type: 'button', class: one === visit ? 'on' : null,
    'aria-pressed': one === visit ? 'true' : 'false', onclick: () => select(key, one)}, one.frame ? one.frame.replace(/^.*\[(\d+)\]$/, (_, item) => 'item ' + (Number(item) + 1)) + (one.visit > 1 ? ', visit ' + one.visit : '') : 'visit ' + (at + 1)))));
  if (!visit) { detail.append(el('p', {class: 'hint'}, 'The run did not come to this step.')); return; }
  detail.append(el('p', {class: 'meta'}, about(visit)));
  if (visit.failures && visit.failures.length) detail.append(part(visit.failures.length > 1 ? 'Failures' : 'Failure', el('div', {class: 'list'},
    visit.failures.map((failure, at) => el('div', {class: 'text bad'}, (visit.failures.length > 1 ? 'attempt ' + (at + 1) + ', ' : '') + failure.class + ': ' + failure.message)))));
  if (visit.input !== undefined && visit.input !== null) detail.append(part('Input', shown(visit.input), visit.input));
  if (visit.output !== undefined && visit.output !== null) detail.append(part('Output', output(visit.output), visit.output));
  const made = callsOf(visit);
  if (made.length) detail.append(part(many(made.length, 'call'), el('div', {}, made.slice(0, 300).map(call => callPart(call, made.length === 1))), made));
  if (visit.notes && visit.notes.length) detail.append(part('Notes', shown(visit.notes), visit.notes));
};

/* The page says the name and the description already: the drawing begins below them. */
const drawing = document.querySelector('#graph svg');
const [, , width, height] = drawing.getAttribute('viewBox').split(' ').map(Number);
const cut = 28 + (data.description ? 64 : 44) - 14;
drawing.setAttribute('viewBox', '0 ' + cut + ' ' + width + ' ' + (height - cut));
drawing.setAttribute('height', height - cut);
drawing.classList.add('cut');

/* ---- choosing ---- */
const nodes = new Map([...document.querySelectorAll('#graph [data-step]')].map(node => [node.getAttribute('data-step'), node]));
let chosen = null;
function select(key, visit, quiet) {
  const own = key === null ? [] : ofStep.get(key) || [];
  /* What went wrong first; else the last visit of a loop, of the first item. */
  const one = visit || own.find(v => v.outcome === 'failed') || own.filter(v => v.frame === own[0].frame).pop() || null;
  for (const mark of document.querySelectorAll('.on')) if (!detail.contains(mark)) mark.classList.remove('on');
  for (const [id, node] of nodes) node.setAttribute('aria-pressed', id === key ? 'true' : 'false');
  chosen = one;
  if (key === null) showRun();
  else {
    showVisit(key, one, own);
    const row = one && rowOf.get(one);
    for (const mark of [nodes.get(key), lineOf.get(key), row]) if (mark) mark.classList.add('on');
    /* Only the list is scrolled: the graph stays where the eye is. */
    if (row) {
      const top = row.offsetTop;
      if (top < list.scrollTop + 30 || top + row.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 2;
    }
  }
  detail.scrollTop = 0;
  if (!quiet) {
    history.replaceState(null, '', key === null ? '#' : '#' + (one ? 'visit=' + one.at : 'step=' + encodeURIComponent(key)));
    if (key !== null && matchMedia('(max-width:1080px)').matches) detail.scrollIntoView({block: 'start'});
  }
}
for (const [key, node] of nodes) {
  if (['waiting', 'open'].includes(outcomeOf(ofStep.get(key) || []))) node.classList.replace('wf-waiting', 'wf-mended');
  node.setAttribute('tabindex', '0');
  node.setAttribute('role', 'button');
  node.addEventListener('click', () => select(key));
  node.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); select(key); }
  });
}
const order = [...list.querySelectorAll('button.row')];
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') { select(null); return; }
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  if (detail.contains(document.activeElement)) return;
  if (!order.length) return;
  event.preventDefault();
  const at = chosen ? order.indexOf(rowOf.get(chosen)) : -1;
  const next = order[Math.min(order.length - 1, Math.max(0, at + (event.key === 'ArrowDown' ? 1 : -1)))];
  next.focus();
  next.click();
});
const wanted = /^#(visit|step)=(.+)$/.exec(location.hash);
if (wanted && wanted[1] === 'visit' && visits[wanted[2]]) select(visits[wanted[2]].key, visits[wanted[2]], true);
else if (wanted && wanted[1] === 'step' && ofStep.has(decodeURIComponent(wanted[2]))) select(decodeURIComponent(wanted[2]), null, true);
else select(null, null, true);
})();
