// What pages do beyond plain forms: times in the reader's own words, live changes, and the draft editor.
// Everything is delegated from the document, so that parts swapped in later need no wiring.

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

// ---------------------------------------------------------------- times
const FORMATS = {
  short: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
  day: new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }),
  hour: new Intl.DateTimeFormat(undefined, { timeStyle: "short" }),
  weekday: new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" }),
};

/** A length of time in its two largest units, as the server writes it. */
function span(seconds) {
  let minutes = Math.round(Math.abs(seconds) / 60);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  minutes %= 60;
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min` : "under a minute";
}

function say(time) {
  const at = new Date(time.dateTime);
  let text;
  if ("due" in time.dataset) {
    const left = (at - Date.now()) / 1000;
    time.classList.toggle("over", left < 0);
    text = left < 0 ? `${span(left)} overdue` : `${span(left)} left`;
  } else if (time.dataset.time === "clock") {
    const days = Math.abs(at - Date.now()) / 86_400_000;
    const today = at.toDateString() === new Date().toDateString();
    text = (today ? FORMATS.hour : days < 6 ? FORMATS.weekday : FORMATS.day).format(at);
  } else {
    text = (FORMATS[time.dataset.time] ?? FORMATS.short).format(at);
  }
  // Unchanged text is left alone, so that a screen reader or a selection is not disturbed.
  if (time.textContent !== text) time.textContent = text;
  if (!time.title) time.title = FORMATS.short.format(at);
}
const sayTimes = (from = document) => $$("time[data-due], time[data-time]", from).forEach(say);
setInterval(sayTimes, 20_000);

// ---------------------------------------------------------------- notices
function notice(text, kind = "bad") {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const p = document.createElement("p");
  p.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.dataset.close = "";
  close.textContent = "Close";
  box.append(p, close);
  $("#notices").replaceChildren(box);
}
document.addEventListener("htmx:error", (event) => {
  // What a page looks up by itself it will look up again; only what somebody did is worth a word.
  if (event.detail.ctx?.request?.method === "POST") notice("The server cannot be reached. Nothing was changed; what you typed is kept.");
});

// ---------------------------------------------------------------- editor
const PLACEHOLDER = /\[\[[^\]\n]{1,80}\]\]/g;
const kept = (form) => `draft:${form.dataset.editor}`;

function recall(key) {
  try { return sessionStorage.getItem(key); } catch { return null; }
}
function keep(key, text) {
  try { text === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, text); } catch { /* full or forbidden */ }
}

function editorReady(form) {
  if (form.dataset.ready) return;
  form.dataset.ready = "yes";
  const text = form.elements.text;
  const before = recall(kept(form));
  if (before !== null && !text.readOnly && before !== text.value) text.value = before;
  for (const option of $$("[data-option-text]", form)) {
    if (!text.readOnly && option.dataset.optionText) $("[data-toggle-option]", option).hidden = false;
  }
  edited(form);
}

function edited(form) {
  const text = form.elements.text;
  const original = text.dataset.original;
  const changed = text.value.trim() !== original.trim();
  if (!text.readOnly) keep(kept(form), changed ? text.value : null);
  const restore = $("[data-restore]", form);
  if (restore) restore.hidden = !changed;

  const open = [...new Set(text.value.match(PLACEHOLDER) ?? [])];
  const box = $("[data-places]", form);
  box.hidden = open.length === 0;
  $("[data-place-list]", form).replaceChildren(...open.map((place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.place = place;
    button.textContent = place.slice(2, -2).replaceAll("_", " ");
    return button;
  }));
  const accept = $("[data-accept]", form);
  if (accept) {
    accept.setAttribute("aria-disabled", String(open.length > 0));
    accept.title = open.length ? "Fill in or remove the placeholders first" : "";
  }
  for (const option of $$("[data-option-text]", form)) {
    const out = !text.value.includes(option.dataset.optionText);
    option.classList.toggle("out", out);
    $("[data-toggle-option]", option).textContent = out ? "Put back" : "Leave out";
  }
}

function replaceText(text, from, to, words) {
  text.focus();
  text.setSelectionRange(from, to);
  // The one way to edit that the browser's own undo can take back.
  if (!document.execCommand(words ? "insertText" : "delete", false, words)) text.setRangeText(words, from, to, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

function toggleOption(option, form) {
  const text = form.elements.text;
  const words = option.dataset.optionText;
  const at = text.value.indexOf(words);
  if (at < 0) return replaceText(text, text.selectionEnd, text.selectionEnd, words);
  let end = at + words.length;
  while (text.value[end] === " ") end += 1;
  if (text.value[end] === "\n" && (at === 0 || text.value[at - 1] === "\n")) while (text.value[end] === "\n") end += 1;
  replaceText(text, at, end, "");
}

async function copy(button) {
  const from = $(button.dataset.copy);
  const words = from.value ?? from.textContent;
  const told = $("[data-copied]", button.parentElement);
  try {
    await navigator.clipboard.writeText(words);
    told.textContent = "Copied";
  } catch {
    if (from.select) from.select(); else getSelection().selectAllChildren(from);
    told.textContent = "Selected: press Ctrl+C or ⌘C";
  }
  setTimeout(() => { told.textContent = ""; }, 4000);
}

function light(claim, on) {
  for (const mark of $$(`mark[data-claims~="${claim.dataset.claim}"]`)) mark.classList.toggle("lit", on);
}

// ---------------------------------------------------------------- what people do
document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  let hit;
  if ((hit = on("[data-close]"))) hit.closest(".notice").remove();
  else if (on("[data-reload]")) location.reload();
  else if ((hit = on("[data-copy]"))) copy(hit);
  else if ((hit = on("[data-sample]"))) {
    const text = $("#text");
    text.value = hit.dataset.sample;
    text.focus();
  } else if ((hit = on("[data-restore]"))) {
    const text = hit.form.elements.text;
    replaceText(text, 0, text.value.length, text.dataset.original);
  } else if ((hit = on("[data-toggle-option]"))) toggleOption(hit.closest("[data-option-text]"), hit.form);
  else if ((hit = on("[data-place]"))) {
    const text = hit.form.elements.text;
    const at = text.value.indexOf(hit.dataset.place);
    text.focus();
    text.setSelectionRange(at, at + hit.dataset.place.length);
  } else if ((hit = on("[data-accept]")) && hit.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    $("[data-place]", hit.form)?.click();
  } else if ((hit = on(".claim"))) {
    $(`mark[data-claims~="${hit.dataset.claim}"]`)?.scrollIntoView({ block: "center" });
  }
  for (const menu of $$(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of $$(".menu[open]")) { menu.open = false; $("summary", menu).focus(); }
});
document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-editor]");
  if (form && event.target.name === "text") edited(form);
});
document.addEventListener("change", (event) => {
  const layer = event.target.dataset.layer;
  if (layer) $("#timeline").classList.toggle(`show-${layer}`, event.target.checked);
});
for (const [type, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(type, (event) => {
    const claim = event.target.closest?.(".claim");
    if (claim) light(claim, on);
  });
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  const editor = form.matches("[data-editor]") ? form : null;
  if (editor && $("[data-accept]", editor)?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  const busy = $("[data-busy]", form);
  if (!busy) return;
  const words = busy.textContent;
  busy.textContent = busy.dataset.busy;
  const restore = () => { busy.textContent = words; form.removeAttribute("data-sent"); };
  if (form.matches("[data-once]")) {
    // One press, one message; going back with the browser makes it whole again.
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    addEventListener("pageshow", restore, { once: true });
  } else {
    form.addEventListener("htmx:finally:request", restore, { once: true });
  }
}, true);

// ---------------------------------------------------------------- live
const queueShown = () => $("#queue");
let changed = new Set();

function refreshQueue() {
  changed = new Set();
  $("[data-news]").hidden = true;
  htmx.ajax("GET", location.pathname + location.search, { target: "#queue", select: "#queue", swap: "outerMorph" });
}

function queueNews() {
  const table = $("[data-queue]");
  const disturbing = table && (table.matches(":hover") || table.contains(document.activeElement) || $$("#rows tr").length > 51 || "later" in table.dataset);
  if (!disturbing && !$("#queue .filters").contains(document.activeElement)) return refreshQueue();
  $("[data-count]").textContent = changed.size;
  $("[data-noun]").textContent = changed.size === 1 ? "change" : "changes";
  $("[data-news]").hidden = false;
}

function conversationNews(subject, type) {
  const work = $("#work");
  const draft = $("#draft[data-draft]");
  if (["draft.ready", "draft.failed"].includes(type) && draft?.dataset.draft === subject.draft_id && draft.dataset.status === "due") {
    htmx.ajax("GET", `/drafts/${subject.draft_id}`, { target: "#draft", swap: "outerHTML" });
  }
  if (work && type === "queue.changed" && !$(".menu[open]", work)) {
    const before = work.dataset.messages;
    htmx.ajax("GET", `/conversations/${work.dataset.conversation}/work`, { target: "#work", swap: "outerMorph" }).then(() => {
      if ($("#work").dataset.messages !== before) {
        notice("There is a new message in this conversation. What you typed is kept when you reload.", "warn");
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.reload = "";
        button.textContent = "Show it";
        $("#notices .notice p").after(button);
      }
    });
  }
}

function listen() {
  const work = $("#work");
  if (!queueShown() && !work) return;
  const live = new EventSource("/v1/events");
  let soon = 0;
  const hear = (event) => {
    const subject = JSON.parse(event.data);
    if (work) {
      if (subject.conversation_id === work.dataset.conversation) conversationNews(subject, event.type);
    } else if (event.type === "queue.changed") {
      changed.add(subject.conversation_id);
      clearTimeout(soon);
      soon = setTimeout(queueNews, 300);
    }
  };
  for (const type of ["queue.changed", "draft.ready", "draft.failed"]) live.addEventListener(type, hear);
  const tell = (text, off) => {
    const label = $("[data-live]");
    if (!label) return;
    label.hidden = false;
    label.textContent = text;
    label.classList.toggle("off", off);
  };
  live.addEventListener("open", () => tell("Live", false));
  live.addEventListener("error", () => {
    tell(live.readyState === EventSource.CLOSED ? "Not live: reload the page" : "Connecting again…", true);
  });
  // After a swap the label is the server's again.
  document.addEventListener("htmx:after:swap", () => { if (live.readyState === EventSource.OPEN) tell("Live", false); });
}
document.addEventListener("click", (event) => { if (event.target.closest("[data-show-news]")) refreshQueue(); });

// ---------------------------------------------------------------- begin
function ready() {
  sayTimes();
  $$("[data-editor]").forEach(editorReady);
}
document.addEventListener("htmx:after:swap", ready);
const samples = $("[data-samples]");
if (samples) samples.hidden = false;
ready();
listen();
