// One button that runs and stops, and the line above it. The server's queue knows every job of this page (jobs.py); this
// asks it as long as there is one, says in <job-line tab="NAME"> what it does, and lets page.css show Stop in the place of
// Run by data-job on the panel's foot. Whoever wants to know, too, listens to "atelier-job" on the document: its detail is
// {tab, state: "waiting" | "running" | "stopping" | "", text, part} with part from 0 to 1, or null where nobody knows.
(function (LABELS) {
  "use strict";

  const OFTEN = 400; // milliseconds between two looks while there is a job
  const words = () => LABELS[/^zh/i.test(document.documentElement.lang) ? "zh" : "en"];
  const lines = new Map(); // tab -> its line on the page
  let jobs = {}; // tab -> what the server said last
  let stopping = false; // Stop was pressed, and the server may not know yet
  let session = "";
  let timer = 0;
  let asking = false;
  let again = false;

  async function look() {
    clearTimeout(timer);
    if (!session) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    let found = {};
    try {
      const answer = await fetch(`atelier/jobs?session=${encodeURIComponent(session)}`, { cache: "no-store" });
      if (answer.ok) found = await answer.json();
    } catch (error) {
      found = {}; // the server is gone: Gradio says so
    }
    asking = false;
    if (!Object.keys(found).length) stopping = false;
    for (const tab of new Set([...Object.keys(jobs), ...Object.keys(found)])) show(tab, found[tab]);
    jobs = found;
    if (again || Object.keys(found).length) timer = setTimeout(look, again ? 0 : OFTEN);
    again = false;
  }

  function show(tab, job) {
    const ends = stopping && job && job.state === "running";
    const detail = { tab, state: "", text: "", part: null, ...job };
    if (ends) Object.assign(detail, { state: "stopping", text: job.stopping });
    const line = lines.get(tab);
    if (line) line.show(detail);
    document.dispatchEvent(new CustomEvent("atelier-job", { detail }));
  }

  class JobLine extends HTMLElement {
    connectedCallback() {
      this.tab = this.getAttribute("tab");
      if (!this.firstChild) {
        const bar = document.createElement("span");
        this.bar = document.createElement("i");
        bar.className = "job-bar";
        bar.append(this.bar);
        this.text = document.createElement("span");
        this.text.className = "job-text";
        this.live = document.createElement("span");
        this.live.className = "job-live";
        this.live.setAttribute("role", "status");
        this.append(bar, this.text, this.live);
      }
      lines.set(this.tab, this);
      if (jobs[this.tab]) show(this.tab, jobs[this.tab]);
    }

    disconnectedCallback() {
      if (lines.get(this.tab) === this) lines.delete(this.tab);
    }

    show({ state, text, part }) {
      const foot = this.closest(".foot");
      if (!foot) return;
      const before = foot.dataset.job || "";
      const run = foot.querySelector("button.run");
      const stop = foot.querySelector("button.stop");
      const held = document.activeElement === run || document.activeElement === stop;
      if (state) foot.dataset.job = state;
      else delete foot.dataset.job;
      this.text.textContent = text;
      this.bar.style.width = part === null ? "" : `${Math.round(100 * part)}%`;
      this.bar.classList.toggle("unknown", Boolean(state) && part === null);
      if (state === before) return;
      // What each tile says would drown everything else: a reader hears of the changes alone.
      this.live.textContent = state === "running" ? words().running : state ? text : words().over;
      if (held) (state ? stop : run)?.focus();
      stop?.setAttribute("aria-disabled", String(state === "stopping"));
    }
  }

  class JobPage extends HTMLElement {
    connectedCallback() {
      session = this.getAttribute("session") || "";
      look();
    }
  }

  customElements.define("job-line", JobLine);
  customElements.define("job-page", JobPage);

  // An event has joined the queue: see which.
  new PerformanceObserver((seen) => {
    if (seen.getEntries().some((entry) => entry.name.includes("/queue/join"))) look();
  }).observe({ type: "resource" });

  document.addEventListener(
    "click",
    (event) => {
      const button = event.target instanceof Element && event.target.closest("button");
      if (!button || !button.closest(".foot")) return;
      if (button.classList.contains("stop")) {
        stopping = true;
        for (const tab of Object.keys(jobs)) show(tab, jobs[tab]);
      }
      setTimeout(look, OFTEN / 2);
    },
    true,
  );
})
