// Asks before somebody is signed out whether they stay, and hands over what is typed before a page is taken away. What
// is typed or pressed is use of the session. It writes text only, never markup, so it runs where Trusted Types are
// required. Without it each page says when it ends, and has a link that puts it off.
"use strict";

(() => {
  const box = document.querySelector("dialog[data-stay]");
  if (box === null || typeof box.showModal !== "function") {
    return;
  }
  const USED_MS = 60_000;
  const KEEP_MS = 20_000;
  const RETRY_MS = 10_000;
  const MINUTE_MS = 60_000;
  const warnedMs = 1_000 * Number(box.dataset.stayWarned);
  const more = box.querySelector("[data-stay-more]");
  const shut = box.querySelector("[data-stay-close]");
  const last = box.querySelector("[data-stay-last]");
  const status = box.querySelector("[data-stay-status]");
  const title = document.title;
  let endsAt = Date.now() + 1_000 * Number(box.dataset.staySeconds);
  let usedAt = 0;
  let askedAt = Date.now();
  let timer = null;
  let isKept = false;
  let isOver = false;
  let canBeLonger = true;

  // --- what is typed ---

  const written = (form) => {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string") {
        fields.append(name, value);
      }
    }
    return fields;
  };
  // Long words always; the rest where it is not as the page brought it, or the page says that something is wrong.
  const isTyped = (field) => {
    if (field instanceof HTMLTextAreaElement) {
      return field.value.trim() !== "";
    }
    if (!(field instanceof HTMLInputElement) || ["hidden", "password", "file", "submit"].includes(field.type)) {
      return false;
    }
    if (field.type === "checkbox" || field.type === "radio") {
      return field.checked !== field.defaultChecked;
    }
    return field.value !== field.defaultValue || (field.value !== "" && document.querySelector(".govuk-error-summary") !== null);
  };
  const worthKeeping = () =>
    [...document.querySelectorAll("main form[method=post]")].filter((form) =>
      form.querySelector("input[type=password]") === null && [...form.elements].some(isTyped));

  // Sent before the page goes: to memory only, for whoever is signed in with it.
  const keep = async () => {
    isKept = true;
    for (const form of worthKeeping()) {
      const fields = written(form);
      fields.set("typed_for", new URL(form.getAttribute("action"), document.baseURI).pathname);
      try {
        const answer = await fetch("/typed/keep", { method: "POST", body: fields, cache: "no-store", credentials: "same-origin" });
        // Too long, too often, nobody there: not kept. A form that is nobody's is kept for nobody, however often it is sent.
        if (!answer.ok && answer.status !== 403) {
          isKept = false;
        }
      } catch {
        isKept = false;
      }
    }
    return isKept;
  };

  // --- what is said ---

  const showTime = (time) => {
    for (const place of document.querySelectorAll("[data-stay-time]")) {
      place.textContent = time;
      place.dateTime = time.slice(0, 5);
    }
  };
  const say = (text) => {
    if (status.textContent !== text) {
      status.textContent = text;
    }
  };
  const warn = () => {
    last.hidden = canBeLonger;
    more.hidden = !canBeLonger;
    shut.hidden = canBeLonger;
    if (!box.open) {
      box.showModal();
      (canBeLonger ? more : shut).focus();
      document.title = `${box.dataset.staySoon} – ${title}`;
    }
  };
  const calm = () => {
    if (box.open) {
      box.close();
    }
    document.title = title;
    say("");
  };

  // --- how long is left ---

  const leave = async () => {
    if (isOver) {
      return;
    }
    isOver = true;
    const waits = worthKeeping().length > 0;
    if (waits && !isKept && !(await keep())) {
      // What is typed stays where it is until it is handed over.
      isOver = false;
      return;
    }
    window.location.assign(waits ? "/typed" : "/");
  };
  const ask = async (address) => {
    try {
      const answer = await fetch(address, { redirect: "manual", cache: "no-store", credentials: "same-origin" });
      if (answer.status === 401) {
        await leave();
      } else if (answer.ok) {
        const said = await answer.json();
        endsAt = Date.now() + 1_000 * Number(said.seconds);
        canBeLonger = said.can_be_longer === true;
        showTime(String(said.time));
        return true;
      }
    } catch {
      // Nobody answers: asked again below.
    }
    return false;
  };
  const stay = async () => {
    askedAt = Date.now();
    isKept = false;
    if (await ask("/stay/more")) {
      calm();
    }
    next();
  };
  const look = async () => {
    timer = null;
    if (isOver) {
      return;
    }
    if (endsAt - Date.now() <= warnedMs) {
      // Another window may have been used meanwhile.
      const isHeard = await ask("/stay/left");
      const leftMs = endsAt - Date.now();
      if (leftMs > warnedMs) {
        calm();
      } else if (!isOver && (isHeard || leftMs > 0)) {
        warn();
        say(leftMs <= MINUTE_MS ? box.dataset.stayMinute : "");
        if (leftMs <= KEEP_MS && !isKept) {
          await keep();
        }
      }
    }
    next();
  };
  const next = () => {
    if (isOver) {
      return;
    }
    clearTimeout(timer);
    const leftMs = endsAt - Date.now();
    const marks = [warnedMs, MINUTE_MS, KEEP_MS, 0].map((mark) => leftMs - mark).filter((wait) => wait > 0);
    timer = setTimeout(look, (marks.length > 0 ? Math.min(...marks) : RETRY_MS) + 500);
  };

  // --- use ---

  const use = (event) => {
    if (!event.isTrusted || box.open || isOver) {
      return;
    }
    usedAt = Date.now();
    isKept = false;
    if (usedAt - askedAt >= USED_MS) {
      stay();
    }
  };
  for (const kind of ["keydown", "input", "pointerdown"]) {
    document.addEventListener(kind, use, { passive: true });
  }
  more.addEventListener("click", stay);
  shut.addEventListener("click", () => box.close());
  // Escape is an answer as well: whoever presses it is there.
  box.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (canBeLonger) {
      stay();
    } else {
      box.close();
    }
  });
  // Another script takes the page away now.
  document.addEventListener("service:closing", () => {
    isOver = true;
    calm();
    keep();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") {
      look();
    }
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      ask("/stay/left").then(next);
    }
  });
  next();
})();
