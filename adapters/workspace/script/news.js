// Says on the pages of an opened case that something has come since, and takes the page away when it is nobody's to
// read any more. It writes text only, never markup, so it runs where Trusted Types are required.
"use strict";

(() => {
  const line = document.querySelector("[data-news]");
  if (line === null) {
    return;
  }
  const FIRST_MS = 15_000;
  const LONGEST_MS = 240_000;
  const words = line.querySelector("[data-news-words]");
  const load = line.querySelector("[data-news-load]");
  let pause = FIRST_MS;
  let timer = null;
  let isOver = false;

  const say = (text) => {
    // Said anew only when it is another: whoever listens is not told the same thing every time.
    if (words.textContent !== text) {
      words.textContent = text;
    }
    load.hidden = text === "";
  };

  const close = (text, linkText, address) => {
    isOver = true;
    // What is typed on it is handed over first.
    document.dispatchEvent(new Event("service:closing"));
    const main = document.querySelector("main");
    const heading = document.createElement("h1");
    heading.className = "govuk-heading-l";
    heading.textContent = line.dataset.closed;
    const where = document.createElement("p");
    where.className = "govuk-body";
    const link = document.createElement("a");
    link.className = "govuk-link";
    link.href = address;
    link.textContent = linkText;
    where.append(link);
    main.replaceChildren(heading, where);
    document.title = line.dataset.closed;
    document.querySelector(".service-case-nav")?.remove();
    words.textContent = text;
    load.hidden = true;
  };

  const ask = async () => {
    timer = null;
    if (isOver || document.visibilityState === "hidden") {
      return;
    }
    try {
      const answer = await fetch(line.dataset.news, { redirect: "manual", cache: "no-store", credentials: "same-origin" });
      if (answer.status === 401) {
        close(line.dataset.ended, line.dataset.signIn, "/sign-in");
        // Who was signed in here, and until when, is over: whoever comes to this desk next does not read it.
        document.querySelector("footer form[action='/sign-out']")?.remove();
      } else if (answer.status === 403 || answer.type === "opaqueredirect") {
        close(line.dataset.locked, line.dataset.unlock, "/unlock");
      } else if (answer.status === 404) {
        close(line.dataset.gone, line.dataset.cases, "/");
      } else if (answer.ok) {
        say(String((await answer.json()).words));
        pause = FIRST_MS;
      } else {
        pause = Math.min(2 * pause, LONGEST_MS);
      }
    } catch {
      pause = Math.min(2 * pause, LONGEST_MS);
    }
    next();
  };

  const next = () => {
    if (!isOver && timer === null && document.visibilityState !== "hidden") {
      timer = setTimeout(ask, pause);
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (timer !== null) {
      clearTimeout(timer);
      timer = null;
    }
    if (document.visibilityState !== "hidden") {
      ask();
    }
  });
  // A page that the browser kept from before may be of a session that has ended.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      ask();
    }
  });
  next();
})();
