// The page behind a connect link: sends what was typed, shows each line of the check as it comes, and saves.
// The token lives in its field and nowhere else. Without this script the form works all the same, page by page.

const form = document.querySelector("#connect");
const results = document.querySelector("[data-results]");
const part = (name, root = results) => root.querySelector(`[data-${name}]`);

const [checkButton, saveButton] = [part("check", form), part("save")];
const saveRow = part("save-row");
let working = null; // what stops the request under way

const LOST = { detail: "The connection to Waypost was lost.", remedy: "Try again in a moment." };

form.noValidate = true; // the server's words are better than the browser's
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (working) return;
  if (event.submitter === saveButton) save();
  else check();
});
form.addEventListener("input", (event) => {
  explain(event.target.id, null);
  if (event.target.id === "narrower") return; // a confirmation, which changes nothing that was checked
  working?.abort();
  saveRow.hidden = true; // what was checked is not what stands there now
});

const reveal = part("reveal", form);
reveal.hidden = false;
reveal.addEventListener("click", () => {
  const token = form.elements.token;
  const shown = token.type === "password";
  token.type = shown ? "text" : "password";
  reveal.textContent = shown ? "Hide" : "Show";
  reveal.setAttribute("aria-pressed", String(shown));
  reveal.setAttribute("aria-label", shown ? "Hide the token" : "Show the token");
});

async function check() {
  begin(checkButton, "Checking…");
  tell("Checking…", "Each line appears as soon as it is known.");
  const groups = new Map();
  await send("check", "application/x-ndjson", async (answer) => {
    for await (const message of lines(answer.body)) {
      if (message.line) add(message.line, groups);
      if (message.verdict) finish(message.verdict);
    }
  });
  end(checkButton, "Check again");
}

async function save() {
  begin(saveButton, "Saving…", false);
  let saved = null;
  await send("save", "application/json", async (answer) => {
    saved = await answer.json();
  });
  end(saveButton, "Save");
  if (saved) celebrate(saved);
}

// Sends the form; an answer that is none goes to the fields that it names, or to the alert.
async function send(what, accept, read) {
  working = new AbortController();
  try {
    const answer = await fetch(`${form.dataset.base}/${what}`, {
      method: "POST",
      headers: { Accept: accept },
      body: new URLSearchParams(new FormData(form)),
      credentials: "omit",
      redirect: "error",
      signal: working.signal,
    });
    if (answer.ok) await read(answer);
    else refuse(await answer.json(), what);
  } catch (error) {
    if (error.name === "AbortError") tell("Changed since the check", "Check again to see what works now.");
    else refuse(LOST, what);
  }
  working = null;
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = null;
  for (;;) {
    const { done, value } = await reader.read();
    const whole = (rest + (value ?? "")).split("\n");
    rest = whole.pop();
    for (const text of whole) yield (last = JSON.parse(text));
    if (done) break;
  }
  if (!last?.verdict) throw new TypeError("cut short");
}

function begin(button, label, clear = true) {
  for (const name of ["url", "token", "name", "narrower"]) explain(name, null);
  part("alert").hidden = true;
  if (clear) {
    part("lines").replaceChildren();
    saveRow.hidden = true;
    delete results.dataset.verdict;
  }
  busy(button, true, label);
}

function end(button, label) {
  busy(button, false, label);
}

function busy(button, on, label) {
  button.querySelector("[data-label]").textContent = label;
  if (on) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
  part("lines").setAttribute("aria-busy", String(on));
}

function tell(title, summary) {
  part("title").textContent = title;
  part("summary").textContent = summary;
}

function add(line, groups) {
  if (!groups.has(line.group)) {
    const group = document.querySelector("#group").content.cloneNode(true).firstElementChild;
    group.querySelector("h4").textContent = line.group;
    part("lines").append(group);
    groups.set(line.group, group.querySelector("ol"));
  }
  groups.get(line.group).append(drawn(line));
}

function drawn(line) {
  const item = document.querySelector("#line").content.cloneNode(true).firstElementChild;
  item.dataset.state = line.state;
  item.querySelector("use").setAttribute("href", `#i-${line.state}`);
  for (const place of item.querySelectorAll("[data-part]")) {
    place.textContent = line[place.dataset.part];
    place.hidden = !place.textContent;
  }
  return item;
}

function finish(verdict) {
  results.dataset.verdict = verdict.ready ? "ready" : "refused";
  tell(verdict.title, verdict.text);
  saveRow.hidden = !verdict.ready;
  if (verdict.narrower) part("narrower", form).hidden = false;
  look(part("title"));
}

function refuse(problem, what) {
  delete results.dataset.verdict;
  const fields = (problem.errors ?? []).filter((error) => document.getElementById(error.field));
  for (const error of fields) explain(error.field, `${error.detail} ${error.remedy}`);
  if (fields.length) {
    tell(what === "save" ? "Not saved yet" : "Not checked yet", "Mend what is marked in the form.");
    document.getElementById(fields[0].field).focus();
    return;
  }
  tell("This did not work", "Nothing was saved.");
  const alert = part("alert");
  const strong = document.createElement("strong");
  strong.textContent = problem.detail;
  alert.replaceChildren(strong, ` ${problem.remedy ?? ""}`);
  alert.hidden = false;
  look(part("title"));
}

// Puts a problem at its field, or takes it away.
function explain(name, text) {
  const [input, place] = [document.getElementById(name), document.getElementById(`${name}-problem`)];
  if (!input || !place) return;
  place.textContent = text ?? "";
  place.hidden = !text;
  const hint = document.getElementById(`${name}-hint`);
  input.setAttribute("aria-describedby", [text && place.id, hint?.id].filter(Boolean).join(" "));
  if (text) {
    input.setAttribute("aria-invalid", "true");
    if (name === "narrower") part("narrower", form).hidden = false;
  } else input.removeAttribute("aria-invalid");
}

function celebrate(saved) {
  const done = document.querySelector("#done").content.cloneNode(true).firstElementChild;
  for (const name of ["title", "text"]) done.querySelector(`[data-part="${name}"]`).textContent = saved[name];
  const list = done.querySelector("ol");
  for (const line of saved.warnings) list.append(drawn(line));
  part("warnings", done).hidden = !saved.warnings.length;
  form.reset(); // the token leaves the page
  document.querySelector("#main").replaceChildren(done);
  document.querySelector(".until").remove();
  document.title = `${saved.title} · Waypost`;
  look(done.querySelector("h1"));
}

function look(heading) {
  heading.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  heading.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

const until = part("until", document);
if (until) {
  const [date, style] = [new Date(until.dateTime), { dateStyle: "medium", timeStyle: "short" }];
  until.textContent = new Intl.DateTimeFormat("en", style).format(date);
}
