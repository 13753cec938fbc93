/* page.js: asks /status.json once a second and shows what it says.
 *
 * Names of devices and features come from outside: they become text (textContent, text nodes, attributes), never
 * markup.
 */
'use strict';

const SAMPLES = 120, ANOMALIES_SHOWN = 16, FEW_DEVICES = 10, PERIOD_MS = 1000, PATIENCE_MS = 4000, REFUSED_MS = 30000;
const SEVERITIES = ['none', 'low', 'medium', 'high'];
const RANKS = { none: 0, low: 1, medium: 2, high: 3 };

const byId = (id) => document.getElementById(id);

/* --- elements --- */

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function role(made, name) {
  made.setAttribute('role', name);
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes))
    made.setAttribute(key, value);
  return made;
}

/* Where nothing changes nothing is touched: screen readers and selections stay in peace. */
function say(id, text) {
  const where = byId(id);
  if (where.textContent !== text)
    where.textContent = text;
}

/* What can't be seen, or turns the direction of what can, is shown as what it is: nobody's name looks like another's. */
const visible = (name) => name.replace(/[\p{Cc}\p{Cf}]/gu, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);

const idOf = (name) => element('bdi', { className: 'id', title: visible(name), dir: 'auto' }, visible(name));

function keyOf(severity) {
  const key = shape('svg', { class: 'key', viewBox: '0 0 10 10', 'aria-hidden': 'true' });
  key.append(shape('rect', { class: severity, width: 10, height: 10, rx: 2 }));
  return key;
}

/* --- numbers --- */

const whole = (value) => Math.round(value).toLocaleString('en');
const sum = (values) => values.reduce((all, value) => all + value, 0);
const most = (values) => values.reduce((a, b) => Math.max(a, b), 0);

function rounded(value) {
  if (value >= 1e6)
    return (value / 1e6).toFixed(2) + ' M';
  return value >= 100 || value === Math.round(value) ? whole(value) : value.toFixed(1);
}

function span(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  if (days > 0)
    return `${days} d ${hours} h`;
  if (hours > 0)
    return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

const clock = (date) => date.toLocaleTimeString('en-GB');

/* --- charts --- */

const at = (value) => value.toFixed(2);

/* The x of a sample, counted from the newest: charts fill from the right. */
const place = (i, n) => SAMPLES - n + i;

function drawLine(chart, values, least) {
  const top = Math.max(most(values), least) * 1.1, n = values.length;
  const points = values.map((value, i) => `${place(i, n) + 0.5} ${at(40 - 40 * value / top)}`);
  const line = n > 0 ? 'M' + points.join('L') : '';
  const area = n > 0 ? `${line}V40H${place(0, n) + 0.5}z` : '';
  if (!chart.firstChild)
    chart.append(shape('path', { class: 'area' }), shape('path', { class: 'stroke' }));
  chart.firstChild.setAttribute('d', area);
  chart.lastChild.setAttribute('d', line);
}

function drawStacks(chart, series) {
  const n = series[0].length;
  const bases = series[0].map(() => 0);
  const top = Math.max(4, most(series[0].map((_, i) => sum(series.map((one) => one[i])))));
  series.forEach((values, which) => {
    let bars = '';
    values.forEach((value, i) => {
      if (value > 0)
        bars += `M${place(i, n) + 0.1} ${at(40 - 40 * bases[i] / top)}v${at(-40 * value / top)}h.8V${at(40 - 40 * bases[i] / top)}z`;
      bases[i] += value;
    });
    if (!chart.children[which])
      chart.append(shape('path', { class: SEVERITIES[which + 1] }));
    chart.children[which].setAttribute('d', bars);
  });
}

/* From 0.3 up, as hardly a score lies below; the heights of all devices compare. */
function scaleOf(status) {
  const top = Math.max(0.8, status.model.cuts.high * 1.04, most(status.devices.map((device) => most(device.scores))));
  return (score) => 28 - 28 * Math.min(1, Math.max(0.03, (score - 0.3) / (top - 0.3)));
}

function drawStrip(strip, device, cuts, scale) {
  const n = device.scores.length, bars = ['', '', '', ''];
  device.scores.forEach((score, i) => {
    if (score === null)
      return;
    const severity = Number(device.severities[i]);
    /* An anomaly among many readings may not be the one whose score is known. */
    const height = severity ? Math.max(score, cuts[SEVERITIES[severity]]) : score;
    bars[severity] += `M${place(i, n) + 0.12} 28V${at(scale(height))}h.76V28z`;
  });
  bars.forEach((path, i) => strip.children[i].setAttribute('d', path));
  const y = at(scale(cuts.low));
  strip.children[4].setAttribute('y1', y);
  strip.children[4].setAttribute('y2', y);
}

function newStrip() {
  const strip = shape('svg', { class: 'strip', viewBox: '0 0 120 28', preserveAspectRatio: 'none', role: 'img' });
  for (const severity of SEVERITIES)
    strip.append(shape('path', { class: severity }));
  strip.append(shape('line', { class: 'threshold', x1: 0, x2: 120 }));
  return strip;
}

/* --- figures --- */

function showFlows(status) {
  const rates = status.readings.per_second;
  say('rate', rounded(sum(rates.slice(-3)) / Math.max(1, Math.min(3, rates.length))));
  drawLine(byId('rate-chart'), rates, 1);
  const letters = status.dead_letters;
  say('readings-note', `${whole(status.readings.total)} since the start, ${whole(letters)} dead letter${letters === 1 ? '' : 's'}`);
  const kinds = SEVERITIES.slice(1), series = kinds.map((kind) => status.anomalies[kind].per_second);
  say('anomalies', rounded(sum(series.map(sum))));
  drawStacks(byId('anomalies-chart'), series);
  const legend = byId('severities');
  kinds.forEach((kind, i) => {
    if (!legend.children[i])
      legend.append(element('li', {}, keyOf(kind), element('span')));
    const text = `${kind} ${whole(sum(series[i]))}`;
    if (legend.children[i].lastChild.textContent !== text)
      legend.children[i].lastChild.textContent = text;
    legend.children[i].title = `${whole(status.anomalies[kind].total)} since the start`;
  });
}

function showLag(status) {
  const kafka = status.kafka;
  say('lag', rounded(kafka.lag));
  drawLine(byId('lag-chart'), kafka.lag_per_second, 10);
  const stalled = kafka.stalled ? `, ${whole(kafka.stalled)} stalled` : '';
  say('lag-note', `${whole(kafka.partitions)} partition${kafka.partitions === 1 ? '' : 's'} of ${kafka.topic}${stalled}`);
}

function showModel(status) {
  const model = status.model, candidate = model.candidate, cuts = model.cuts;
  const facts = {
    Version: model.version,
    Made: `by ${model.producer}, ${whole(model.trees)} trees, ${whole(model.features)} features`,
    Loaded: `${span(Math.max(0, status.time - model.loaded))} ago`,
    Severity: `low above ${cuts.low.toFixed(3)}, medium from ${cuts.medium.toFixed(3)}, high from ${cuts.high.toFixed(3)} (${model.cuts_origin})`,
    Candidate: !candidate ? 'none' : candidate.version + (candidate.share > 0 ? `, decides for ${rounded(100 * candidate.share)}% of devices` : ', shadow'),
  };
  say('model-kind', model.kind || '–');
  const list = byId('model');
  Object.entries(facts).forEach(([name, text], i) => {
    if (!list.children[2 * i])
      list.append(element('dt', {}, name), element('dd'));
    if (list.children[2 * i + 1].textContent !== text)
      list.children[2 * i + 1].textContent = text;
  });
}

function showHealth(status) {
  const body = document.body.classList;
  body.remove('waiting', 'lost');
  body.toggle('ready', status.ready);
  body.toggle('unready', !status.ready);
  say('health-text', status.ready ? 'Ready' : `Not ready: ${status.trouble}`);
  say('about', `${status.version} · up ${span(status.uptime_seconds)} · group ${status.kafka.group}`);
  document.title = (status.ready ? '' : 'Not ready · ') + 'alertrond';
}

/* --- devices --- */

const rows = new Map(); /* by device_id */

function newRow(name) {
  const row = role(element('tr'), 'row');
  const strip = newStrip();
  const score = role(element('td', { className: 'number' }), 'cell');
  const count = role(element('td', { className: 'number count' }), 'cell');
  row.append(role(element('th', { scope: 'row' }, idOf(name)), 'rowheader'), role(element('td', {}, strip), 'cell'), score, count);
  return { row, strip, score, count };
}

const worst = (device) => Math.max(...device.severities);
const alarms = (device) => [...device.severities].filter((digit) => digit > '0').length;

function lastScore(device) {
  const known = device.scores.filter((score) => score !== null);
  return known[known.length - 1];
}

/* The worst first; within a severity by name, so that rows rarely move. */
function inOrder(devices) {
  return devices.slice().sort((a, b) =>
    worst(b) - worst(a) || a.device_id.localeCompare(b.device_id, 'en', { numeric: true }) || (a.device_id < b.device_id ? -1 : 1));
}

function showDevices(status) {
  const scale = scaleOf(status), cuts = status.model.cuts, table = byId('devices');
  const gone = new Set(rows.keys());
  inOrder(status.devices).forEach((device, i) => {
    if (!rows.has(device.device_id))
      rows.set(device.device_id, newRow(device.device_id));
    gone.delete(device.device_id);
    const { row, strip, score, count } = rows.get(device.device_id);
    drawStrip(strip, device, cuts, scale);
    const last = lastScore(device).toFixed(3), seconds = alarms(device);
    strip.setAttribute('aria-label', `last score ${last}; seconds with anomalies in the last two minutes: ${seconds}, the worst ${SEVERITIES[worst(device)]}`);
    score.textContent = last;
    count.textContent = whole(device.anomalies);
    if (table.children[i] !== row)
      table.insertBefore(row, table.children[i] || null);
  });
  table.classList.toggle('few', status.devices.length <= FEW_DEVICES);
  for (const name of gone) {
    rows.get(name).row.remove();
    rows.delete(name);
  }
  byId('devices-empty').hidden = status.devices.length > 0;
  const shown = status.devices.length, known = status.devices_known;
  const which = known > shown && shown > 0 ? `${whole(shown)} of ${whole(known)} devices, those with anomalies first. ` : '';
  say('devices-note', `${which}The dashed line is the threshold, ${cuts.low.toFixed(3)}.`);
}

/* --- anomalies --- */

function causeOf(cause, i) {
  const bar = shape('svg', { class: 'bar', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  bar.append(shape('rect', { class: 'track', width: 100, height: 4 }),
             shape('rect', { class: i === 0 ? 'share most' : 'share', width: (100 * cause.share).toFixed(1), height: 4 }));
  const text = element('span', {}, element('bdi', { className: 'feature', title: visible(cause.feature) }, visible(cause.feature)),
                       element('span', {}, `${Math.round(100 * cause.share)}%`));
  return element('li', {}, text, bar);
}

function anomalyRow(anomaly) {
  const date = new Date(1000 * anomaly.time);
  const row = role(element('tr'), 'row');
  const severity = role(element('td', { className: 'severity' }, keyOf(anomaly.severity), anomaly.severity), 'cell');
  row.append(
    role(element('td', {}, element('time', { dateTime: date.toISOString(), title: date.toISOString() }, clock(date))), 'cell'),
    role(element('th', { scope: 'row' }, idOf(anomaly.device_id)), 'rowheader'), severity,
    role(element('td', { className: 'number' }, anomaly.score.toFixed(3)), 'cell'),
    role(element('td', { className: 'causes' }, element('ul', {}, ...anomaly.contributions.map(causeOf))), 'cell'));
  row.dataset.key = `${anomaly.number} ${anomaly.time}`;
  return row;
}

/* The list is the server's; rows that stay are not made anew. */
function showLatest(status, first) {
  const table = byId('latest'), kept = new Map([...table.children].map((row) => [row.dataset.key, row]));
  table.replaceChildren(...status.latest.slice(0, ANOMALIES_SHOWN).map((anomaly) => {
    const known = kept.get(`${anomaly.number} ${anomaly.time}`);
    const row = known || anomalyRow(anomaly);
    row.classList.toggle('fresh', !known && !first);
    return row;
  }));
  byId('latest-empty').hidden = status.latest.length > 0;
}

/* --- asking --- */

let version = null, lostAt = null, timer = null, asking = false, paused = false;

class Refused extends Error {}

async function ask() {
  /* By its full address: where the page's own has a password in it, browsers take no other. */
  const answer = await fetch(`${location.origin}/status.json`, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.ok)
    return answer.json();
  const said = await answer.json().catch(() => ({}));
  throw new Refused(`/status.json was answered ${answer.status}: ${said.error || answer.statusText}`);
}

function show(status) {
  if (version !== null && version !== status.version) {
    location.reload(); /* another program, and so another page */
    return;
  }
  const first = version === null;
  version = status.version;
  lostAt = null;
  byId('gone').hidden = true;
  showHealth(status);
  showFlows(status);
  showLag(status);
  showModel(status);
  showDevices(status);
  showLatest(status, first);
}

function showLost(error) {
  lostAt = lostAt || new Date();
  document.body.classList.remove('ready', 'unready', 'waiting');
  document.body.classList.add('lost');
  document.title = 'No answer · alertrond';
  say('health-text', error instanceof Refused ? 'Refused' : 'No answer');
  const why = error instanceof Refused ? error.message : `alertrond has not answered since ${clock(lostAt)}; the figures are older. Asking again every second.`;
  say('gone', why);
  byId('gone').hidden = false;
}

async function round() {
  clearTimeout(timer);
  if (asking || paused || document.hidden)
    return;
  asking = true;
  let wait = PERIOD_MS;
  try {
    const status = await ask();
    if (!paused)
      show(status);
  } catch (error) {
    showLost(error);
    if (error instanceof Refused)
      wait = REFUSED_MS; /* for whoever is asked for a password */
  } finally {
    asking = false;
    timer = setTimeout(round, wait);
  }
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  byId('pause').textContent = paused ? 'Go on' : 'Pause';
  document.body.classList.toggle('paused', paused);
  round();
});
document.addEventListener('visibilitychange', round);
round();
