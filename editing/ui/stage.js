// The stage: the one picture area of a tab. No word stands here; LABELS has them in two languages.
//
// Gradio's own ways to attach scripts evaluate text, which the page's content security policy forbids. So the page's
// head holds this script, and <atelier-stage name="N"> is where the stage N shows itself. stage.py says how server and
// stage speak: <stage-order> elements in hidden Markdowns come, hidden text boxes answer.
//
// Three systems of coordinates: the screen; the view (or, of several, a pane), in CSS pixels; and the "box", which is
// the mask's own pixels where there is a mask, and over which every picture is stretched, whatever its size.
(function (STYLE, LABELS, GRADIO) {
  "use strict";

  const COLOR = "rgb(255, 0, 102)";
  const MOST_UNDO = 100;
  const CLOSEST = 16; // zoom, as a multiple of the whole picture's size on the screen
  const MOST_SHARP = 100e6; // pixels of the files that are held whole, for a view of every pixel
  const MOST_MARKED = 8;
  const CLICK = 5; // pixels that a hand moves without meaning it
  const ICONS = {
    peek: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 1 0 .01 0",
    whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
    open: "M3 19V6h6l2 2h10v11z",
  };
  const SIGNS = { undo: "↶", redo: "↷", closer: "+", farther: "−" };
  const stages = new Map();

  const stageOf = (name) => {
    if (!stages.has(name)) stages.set(name, new Stage(name));
    return stages.get(name);
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function drawn(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function answer(id, text) {
    const field = document.querySelector(`#${id} input, #${id} textarea`);
    if (!field || field.value === text) return;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A video, once the browser knows its size; null where it can't play it.
  async function reel(url) {
    const video = make("video", { playsinline: "", preload: "auto" });
    video.muted = video.loop = true;
    const came = new Promise((settled) => {
      video.addEventListener("loadeddata", () => settled(video.videoWidth > 0), { once: true });
      video.addEventListener("error", () => settled(false), { once: true });
    });
    video.src = url;
    if (await came) return video;
    video.removeAttribute("src");
    return null;
  }

  // One picture: a small one to move about, and its whole file for where every pixel is looked at. Or a clip: a video, and
  // ``still``, its first frame, for where that can't be played.
  class Sheet {
    static async of(shown) {
      const video = shown.video && (await reel(shown.url));
      if (video) return new Sheet(video, shown);
      if (shown.video) return shown.still ? Sheet.of({ ...shown, video: false, url: shown.still }) : null;
      const image = new Image();
      image.decoding = "async";
      image.alt = "";
      image.draggable = false;
      image.src = shown.url;
      await image.decode().catch(() => {});
      return image.naturalWidth ? new Sheet(image, shown) : null;
    }

    constructor(image, shown) {
      this.image = image;
      this.shown = shown;
      this.moves = image.tagName === "VIDEO";
      this.width = shown.width || image.naturalWidth || image.videoWidth; // of the whole file
      this.height = shown.height || image.naturalHeight || image.videoHeight;
      this.region = shown.region || [0, 0, 1, 1];
      const [left, top, right, bottom] = this.region.map((part) => 100 * part);
      Object.assign(image.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
    }

    // How many pixels of the file lie along the width of the whole picture, of which this may be a part.
    get across() {
      return this.width / (this.region[2] - this.region[0]);
    }

    // Whether so many device pixels for the whole width are more than the small picture has to give.
    wants(pixels) {
      const small = this.image.naturalWidth;
      return this.shown.full && small < this.width && pixels * (this.region[2] - this.region[0]) > 1.05 * small;
    }

    // The file's pixels, decoded beside the page's own work; null until they are there, and where there are too many.
    async load() {
      if (this.bitmap || this.loading || this.width * this.height > MOST_SHARP) return false;
      this.loading = true;
      const file = await fetch(this.shown.full).then((found) => (found.ok ? found.blob() : null)).catch(() => null);
      const bitmap = file && (await createImageBitmap(file).catch(() => null));
      if (this.gone) bitmap?.close();
      else this.bitmap = bitmap;
      return Boolean(this.bitmap);
    }

    // Draw what is seen between two edges of the view; left, top and size of the box in device pixels.
    paint(context, left, top, width, height, from, to) {
      const { width: wide, height: high } = context.canvas;
      const x = left + this.region[0] * width, y = top + this.region[1] * height;
      const scale = (this.region[2] - this.region[0]) * width / this.bitmap.width;
      const x0 = Math.max(x, from, 0), x1 = Math.min(x + this.bitmap.width * scale, to, wide);
      const y0 = Math.max(y, 0), y1 = Math.min(y + this.bitmap.height * scale, high);
      if (x1 <= x0 || y1 <= y0) return;
      context.drawImage(this.bitmap, (x0 - x) / scale, (y0 - y) / scale, (x1 - x0) / scale, (y1 - y0) / scale, x0, y0, x1 - x0, y1 - y0);
    }

    close() {
      this.gone = true;
      this.bitmap?.close();
      this.bitmap = null;
      if (!this.moves) return;
      this.image.pause();
      this.image.removeAttribute("src");
      this.image.load(); // else the browser goes on reading the file
    }
  }

  class Stage {
    constructor(name) {
      this.name = name;
      this.language = /^zh/i.test(document.documentElement.lang) ? "zh" : "en";
      this.words = LABELS[this.language];
      this.look = "result";
      this.tool = "brush";
      this.size = 40; // the brush's diameter, in pixels of the box
      this.zoom = 1;
      this.left = this.top = 0; // where the box's corner is in the view
      this.split = 0.5; // where the divider is, as a fraction of the view
      this.width = this.height = 0; // of the mask; 0 without a picture
      this.wide = this.high = 0; // of the box that is shown: the mask's, a sample's, a tile's
      this.undone = [];
      this.done = [];
      this.several = [];
      this.tiles = [];
      this.marked = new Set();
      this.faces = [];
      this.told = 0;
      this.clock = 0; // seconds into the clip
      this.playing = false;
      this.pointers = new Map(); // that are down: id -> [x, y] on the screen
      this.cursor = null; // in pixels of the box
      this.build();
    }

    say(key, values = {}) {
      return this.words[key].replace(/\{(\w+)\}/g, (_, word) => values[word]);
    }

    // ---- what is on the page

    build() {
      this.host = make("div");
      const root = this.host.attachShadow({ mode: "open" });
      this.tools = {};
      this.looks = {};
      this.buttons = {};
      const action = (key, shortcut, act) => (this.buttons[key] = this.button(key, shortcut, act));
      const look = (key, shortcut) => (this.looks[key] = this.button(key, shortcut, () => this.see(key)));
      const group = (kind, ...parts) => make("div", { class: `group ${kind}` }, ...parts);
      this.number = make("output", { class: "number" });
      this.amount = make("output", { class: "amount" });
      const bar = make(
        "div", { class: "bar", role: "group", "aria-label": this.say("views") },
        group("looks", look("compare", "C"), look("result", "R"), look("paint", "B")),
        group("back", action("grid", "Escape", () => this.back())),
        group("zooms", action("peek", "O", () => {}), action("farther", "-", () => this.zoomBy(1 / 1.5)), this.amount, action("closer", "+", () => this.zoomBy(1.5)), action("whole", "0", () => this.fit()), action("actual", "1", () => this.full())),
        group("files", action("open", "", () => this.chooser.click())),
      );
      const tool = (key, shortcut) => (this.tools[key] = this.button(key, shortcut, () => (this.now === "paint" || this.see("paint"), this.choose(key))));
      this.slider = make("input", { type: "range", min: 1, max: 200, class: "size" });
      this.slider.addEventListener("input", () => this.resize(Number(this.slider.value)));
      this.faceBar = make("div", { class: "group faces", role: "group", "aria-label": this.say("faces"), hidden: "" });
      this.brushes = make(
        "div", { class: "bar brushes", role: "group", "aria-label": this.say("tools") },
        group("tools", tool("brush", "B"), tool("eraser", "E"), tool("move", "H"), tool("box", "F")),
        make("label", { class: "group size-label", title: "[ ]" }, make("span", {}, this.say("size")), this.slider, this.number),
        group("steps", action("undo", "Control+Z", () => this.step(this.done, this.undone, "undone")), action("redo", "Control+Shift+Z", () => this.step(this.undone, this.done, "redone")), action("clear", "Delete", () => this.clear()), action("invert", "I", () => this.invert())),
        group("masks", action("load", "", () => this.width && document.getElementById(`${this.name}-mask-load`)?.click()), action("save", "", () => this.save())),
        this.faceBar,
      );

      this.pictures = make("div", { class: "pictures" });
      this.sharp = make("canvas", { class: "sharp", hidden: "" });
      this.canvas = make("canvas", { class: "mask", width: 1, height: 1 });
      this.mask = this.canvas.getContext("2d", { willReadFrequently: true });
      this.lines = drawn("svg", { "aria-hidden": "true" });
      this.marks = make("div", { class: "marks" }, this.canvas, this.lines);
      this.divider = make("div", { class: "divider", role: "slider", tabindex: "0", "aria-label": this.say("divider"), "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "100", hidden: "" }, make("span", { class: "grip", "aria-hidden": "true" }, "◂▸"));
      this.names = ["before", "after"].map((key) => make("span", { class: `name ${key}`, hidden: "" }, this.say(key)));
      this.chips = make("div", { class: "chips", role: "group", "aria-label": this.say("faces_found") });
      this.panes = make("div", { class: "panes", hidden: "" });
      this.spot = make("div", { class: "spot", hidden: "" });
      this.ring = make("div", { class: "ring", hidden: "" });
      this.view = make(
        "div", { class: "view", tabindex: "0", role: "application", "aria-label": this.say("canvas"), "aria-describedby": "hint" },
        this.pictures, this.sharp, this.marks, this.panes, this.spot, this.ring,
      );
      this.grid = make("div", { class: "grid", role: "group", "aria-label": this.say("tiles"), hidden: "" });
      this.card = make("div", { class: "card", role: "dialog", hidden: "" });
      this.chooser = make("input", { type: "file", class: "chooser", tabindex: "-1", "aria-hidden": "true", multiple: "" });
      this.seeker = make("input", { type: "range", class: "seeker", min: 0, max: 1, step: 0.01, value: 0, "aria-label": this.say("seek") });
      this.seeker.addEventListener("input", () => this.seek(Number(this.seeker.value)));
      this.time = make("output", { class: "time" });
      this.player = make(
        "div", { class: "bar player", role: "group", "aria-label": this.say("player"), hidden: "" },
        action("play", "Space", () => this.play(!this.playing)), this.seeker, this.time, action("sound", "", () => this.mute(!this.loud)),
      );
      this.first = make(
        "div", { class: "first" },
        (this.caption = make("p", { class: "caption" })),
        action("begin", "", () => this.chooser.click()),
        make("p", { class: "how" }, this.say("how")),
      );
      this.meter = make("div", { class: "progress", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": this.say("working"), hidden: "" }, make("div"));
      this.doing = make("div", { class: "doing", hidden: "" });
      this.badge = make("div", { class: "badge", role: "status", hidden: "" });
      this.wrong = make("div", { class: "wrong", role: "alert", hidden: "" }, make("p"), this.button("dismiss", "", () => this.fail("")));
      this.state = make("div", { class: "state" });
      this.live = make("div", { class: "live", "aria-live": "polite" });
      const hint = make("details", { class: "hint" }, make("summary", { title: this.say("keys"), "aria-label": this.say("keys") }, "?"), make("p", { id: "hint" }, this.say("hint")));
      const drop = make("div", { class: "drop" }, this.say("drop"));
      this.floor = make("div", { class: "floor" }, this.view, this.divider, ...this.names, this.chips, this.grid, this.first, this.doing, this.meter, this.badge, this.wrong, this.card, this.state, hint, drop);
      this.board = make("div", { class: "board" }, bar, this.brushes, this.floor, this.player, this.chooser, this.live);
      root.append(make("style", {}, STYLE), this.board);

      this.view.addEventListener("pointerdown", (event) => this.down(event));
      this.view.addEventListener("pointermove", (event) => this.drag(event));
      for (const kind of ["pointerup", "pointercancel"]) this.view.addEventListener(kind, (event) => this.up(event));
      this.view.addEventListener("pointerleave", () => this.pointers.size || this.point(null));
      this.view.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.view.addEventListener("dblclick", (event) => this.twice(event));
      this.view.addEventListener("focus", () => this.focused());
      this.view.addEventListener("blur", () => (this.lift(), this.letGo(), this.byKey && this.hold(false)));
      this.divider.addEventListener("pointerdown", (event) => this.seize(event));
      this.divider.addEventListener("pointermove", (event) => this.divider.hasPointerCapture(event.pointerId) && this.divide(this.within(event.clientX, event.clientY)[0] / this.view.clientWidth));
      this.divider.addEventListener("keydown", (event) => this.slide(event));
      for (const kind of ["pointerdown", "keydown"]) this.buttons.peek.addEventListener(kind, (event) => (kind === "pointerdown" || [" ", "Enter"].includes(event.key)) && this.hold(true));
      for (const kind of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) this.buttons.peek.addEventListener(kind, () => this.hold(false));
      this.host.addEventListener("keydown", (event) => this.key(event));
      this.host.addEventListener("keyup", (event) => this.released(event));
      this.chooser.addEventListener("change", () => (this.give([...this.chooser.files]), (this.chooser.value = "")));
      for (const kind of ["dragenter", "dragover"]) this.floor.addEventListener(kind, (event) => this.over(event));
      this.floor.addEventListener("dragleave", (event) => this.floor.contains(event.relatedTarget) || this.floor.classList.remove("over"));
      this.floor.addEventListener("drop", (event) => this.dropped(event));
      new ResizeObserver(() => this.place()).observe(this.view);
      this.choose("brush");
      this.resize(this.size);
      this.arrange();
    }

    button(key, shortcut, act) {
      const label = this.say(key);
      const sign = SIGNS[key];
      const button = make("button", { type: "button", "data-do": key, title: shortcut ? `${label} (${shortcut.replace("Control", "Ctrl")})` : label });
      if (shortcut) button.setAttribute("aria-keyshortcuts", shortcut);
      if (ICONS[key]) {
        const icon = drawn("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
        icon.append(drawn("path", { d: ICONS[key] }));
        button.append(icon, make("span", {}, label));
      } else button.textContent = sign ?? label;
      if (sign || ICONS[key]) button.setAttribute("aria-label", label);
      button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || act());
      return button;
    }

    // What the page says of this stage: <atelier-stage name tab brush boxes points open first>, the latter quoted JSON.
    become(element) {
      this.tab = element.getAttribute("tab") || this.name; // whose jobs it shows
      this.clips = this.tab !== this.name;
      this.buttons.begin.textContent = this.say(this.clips ? "begin_clip" : "begin");
      this.paints = element.hasAttribute("brush");
      this.boxes = element.hasAttribute("boxes");
      this.points = element.hasAttribute("points");
      this.takes = element.hasAttribute("open");
      this.largest = Number(element.getAttribute("open")) || Infinity; // megabytes of a file
      const first = element.getAttribute("first");
      if (first && first !== this.opening) this.present(JSON.parse(decodeURIComponent((this.opening = first))));
      element.replaceChildren(this.host);
      this.listen();
      this.arrange();
    }

    // What is shown before anything was given: a pair, or tiles.
    async present(first) {
      this.sample = null;
      this.caption.textContent = first.caption?.[this.language] ?? first.caption ?? "";
      if (first.tiles) {
        this.samples = first.tiles;
        this.build_grid();
      } else {
        const pair = await Promise.all([first.before, first.after].map((url) => Sheet.of({ url })));
        if (pair[0] && pair[1]) this.sample = pair;
      }
      this.arrange();
    }

    // ---- which of its looks the stage has now

    get at_first() {
      return !this.width && !this.tiles.length && !this.several.length;
    }

    // "several", "grid", "paint", "compare", "result"; or "none".
    get now() {
      if (this.several.length) return "several";
      if (this.opened === undefined && (this.tiles.length || (this.at_first && this.samples))) return "grid";
      if (this.opened !== undefined) return "result";
      if (this.at_first) return this.sample ? "compare" : "none";
      if (this.look === "paint" && this.paints) return "paint";
      return this.look === "compare" && this.after ? "compare" : "result";
    }

    see(look) {
      if (look === "compare" && !this.after) return;
      if (look === "paint" && !this.paints) return;
      this.settle();
      if (this.several.length) this.closeSeveral();
      this.look = look;
      this.chip(null);
      this.arrange();
      this.tell(look);
    }

    // Which pictures lie in the view, and everything that depends on that.
    arrange() {
      const now = this.now;
      const single = !["several", "grid", "none"].includes(now);
      const tile = this.opened === undefined ? null : this.tile;
      const [before, after] = tile ? [tile, null] : this.at_first ? this.sample ?? [null, null] : [this.before, this.after];
      const peeking = this.holding && before && after;
      const shown = !single ? [] : now === "compare" && !peeking ? [before, after] : peeking ? [before] : [after && !after.shown.region ? null : before, after];
      this.shown = shown.filter(Boolean);
      const images = this.shown.map((sheet) => sheet.image);
      if (images.length !== this.pictures.children.length || images.some((image, i) => image !== this.pictures.children[i])) this.pictures.replaceChildren(...images);
      const base = single ? (now === "paint" || !this.at_first) && !tile ? [this.width, this.height] : [before?.width ?? 0, before?.height ?? 0] : this.several[0] ? [this.several[0].sheet.width, this.several[0].sheet.height] : [0, 0];
      if (base[0] * this.high !== base[1] * this.wide) this.zoom = 1;
      [this.wide, this.high] = base;
      for (const part of [this.pictures, this.marks]) Object.assign(part.style, { width: `${this.wide}px`, height: `${this.high}px` });
      this.lines.setAttribute("viewBox", `0 0 ${Math.max(this.wide, 1)} ${Math.max(this.high, 1)}`);

      const compares = now === "compare" && !peeking;
      this.board.classList.toggle("ready", this.wide > 0);
      this.board.classList.toggle("at-first", this.at_first && this.opened === undefined);
      this.board.dataset.look = now;
      this.view.hidden = now === "grid" || now === "none";
      this.view.dataset.tool = now === "paint" ? this.tool : "look";
      this.marks.hidden = !single || Boolean(tile) || this.at_first;
      this.canvas.hidden = now !== "paint";
      this.lines.toggleAttribute("hidden", Boolean(peeking));
      this.board.classList.toggle("painting", now === "paint");
      this.board.classList.toggle("done", Boolean(this.after));
      this.chips.hidden = now === "paint" || !single || !this.faces.length || peeking;
      this.divider.hidden = !compares;
      this.names[0].hidden = !compares && !peeking;
      this.names[1].hidden = !compares;
      this.panes.hidden = now !== "several";
      this.grid.hidden = now !== "grid";
      this.brushes.hidden = !this.paints || !this.width || !single;
      this.player.hidden = !this.reels.length;
      this.refresh();
      this.place();
      this.roll();
    }

    refresh() {
      const now = this.now, ready = this.width > 0, single = this.wide > 0;
      const paints = now === "paint";
      const lacking = { undo: !paints || !this.done.length, redo: !paints || !this.undone.length, clear: !paints || !this.filled, invert: !paints, save: !this.filled };
      for (const [key, button] of Object.entries(this.buttons)) {
        const of = { open: true, begin: true, grid: true, play: true, sound: true, peek: ready && Boolean(this.after), closer: single, farther: single, whole: single, actual: single };
        this.disable(button, !(of[key] ?? ready) || Boolean(lacking[key]));
      }
      for (const [key, button] of Object.entries(this.tools)) {
        this.disable(button, !ready);
        button.setAttribute("aria-pressed", now === "paint" && key === this.tool);
      }
      this.disable(this.looks.compare, !this.after);
      this.disable(this.looks.result, !ready);
      this.disable(this.looks.paint, !ready);
      for (const [key, button] of Object.entries(this.looks)) button.setAttribute("aria-pressed", ready && now === key);
      this.looks.result.textContent = this.say(this.after || !this.paints ? "result" : "picture");
      this.buttons.play.setAttribute("aria-pressed", this.playing);
      this.buttons.play.textContent = this.playing ? "❚❚" : "▶";
      this.buttons.sound.hidden = !(this.after ?? this.before)?.shown.sound;
      this.buttons.sound.setAttribute("aria-pressed", Boolean(this.loud));
      this.looks.paint.hidden = !this.paints;
      const grids = this.tiles.length > 0 || (this.at_first && Boolean(this.samples));
      this.looks.result.parentElement.hidden = grids || (!this.paints && !this.after);
      const over = this.opened === undefined && this.width > 0 && (this.tiles.length > 0 || this.after?.shown.region); // a grid, or a patch
      this.buttons.grid.parentElement.hidden = !this.several.length && this.opened === undefined && !over;
      this.buttons.grid.textContent = this.say(this.several.length || over ? "back" : "grid");
      this.amount.parentElement.hidden = now === "grid";
      this.buttons.peek.hidden = grids || now === "several" || (!this.paints && !this.after);
      this.buttons.open.hidden = !this.takes || this.at_first;
      this.buttons.open.parentElement.hidden = this.buttons.open.hidden;
      this.buttons.begin.hidden = !this.takes;
      this.first.querySelector(".how").hidden = !this.takes;
      this.first.hidden = !this.at_first || this.opened !== undefined || (!this.takes && !this.caption.textContent);
      this.slider.disabled = !ready;
      this.tools.box.hidden = !this.boxes;
      this.state.textContent = this.facts();
    }

    // A line in the corner: what is masked, or how large the picture is.
    facts() {
      const now = this.now;
      if (now === "paint") return this.say(this.filled ? "covered" : "covered_none", { percent: this.percent() });
      if (now === "grid" && this.marked.size) return this.say("marked", { count: this.marked.size });
      const sheet = this.shown?.at(-1);
      return sheet && !this.at_first ? [this.opened === undefined ? "" : sheet.shown.caption, `${sheet.width} × ${sheet.height}`].filter(Boolean).join(" · ") : "";
    }

    disable(button, disabled) {
      // A disabled button would lose the focus, and with it the keys.
      button.setAttribute("aria-disabled", disabled);
    }

    tell(key, values) {
      this.live.textContent = "";
      this.live.textContent = this.say(key, values);
    }

    // Tell the server of something that was done here.
    report(event) {
      answer(`${this.name}-stage-event`, JSON.stringify({ ...event, n: ++this.told }));
    }

    // ---- what the server says

    // One after the other; an order that the page shows anew (its tab was opened again) is none.
    order(order) {
      this.obeyed ??= new Set();
      if (this.obeyed.has(order.number)) return;
      this.obeyed.add(order.number);
      const said = JSON.parse(decodeURIComponent(order.says));
      this.orders = (this.orders ?? Promise.resolve())
        .then(() => this.obey(said))
        .catch(console.error)
        .then(() => (this.host.dataset.obeyed = order.number));
    }

    async obey(said) {
      if ("picture" in said) {
        const sheet = said.picture && (await Sheet.of(said.picture));
        if (sheet) this.open(sheet, said.picture);
        else this.close();
      }
      if ("tiles" in said) this.lay(said.tiles, said.of, said.keep);
      if ("tile" in said) await this.exchange(said.tile);
      if ("several" in said) await this.compareSeveral(said.several);
      if ("error" in said) this.fail(said.error);
      if ("stale" in said) this.age(said.stale);
      if ("caption" in said) this.caption.textContent = said.caption;
      if (!this.width) return;
      if ("faces" in said) this.outline(said.faces);
      if ("result" in said) await this.show(said.result && (await Sheet.of(said.result)), said.spent);
      if (said.mask) {
        const sheet = await Sheet.of({ url: said.mask });
        if (sheet) this.change(() => this.stamp(sheet.image), "loaded");
      }
      if ("look" in said) this.see(said.look);
    }

    open(sheet, picture) {
      this.abandon();
      this.clean();
      this.stem = picture.stem || "picture";
      this.before = sheet;
      const [width, height] = picture.mask || [sheet.image.naturalWidth || sheet.width, sheet.image.naturalHeight || sheet.height];
      this.width = this.canvas.width = width;
      this.height = this.canvas.height = height;
      this.kept = new Uint8Array(width * height); // the mask after the last step
      this.filled = 0;
      this.done = [];
      this.undone = [];
      this.cursor = null;
      const longest = Math.max(width, height);
      this.slider.max = Math.max(8, Math.round(longest / 3));
      this.resize(Math.max(1, Math.round(longest / 25)));
      this.outline([]);
      this.await(false);
      if (this.look === "compare") this.look = "result";
      this.zoom = 1;
      this.clock = 0;
      this.playing = false;
      this.arrange();
      this.tell("opened");
    }

    close() {
      this.abandon();
      this.clean();
      this.width = this.height = 0;
      this.filled = 0;
      this.done = [];
      this.undone = [];
      this.outline([]);
      this.await(false);
      this.arrange();
    }

    // Everything that was the last picture's.
    clean() {
      this.before?.close();
      this.after?.close();
      this.uncover();
      this.before = this.after = null;
      this.closeSeveral();
      this.fail("");
      this.age("");
      this.spot.hidden = true;
      this.chip(null);
    }

    // A result in the place of the one before; the view stays where it is.
    async show(sheet, spent) {
      const before = this.after;
      if (sheet?.shown.region && before && !before.shown.region) this.covered = before; // a patch lies over it
      else if (!sheet?.shown.region) this.uncover();
      this.after = sheet;
      this.closeSeveral();
      if (sheet && !before && this.look !== "paint") this.look = "compare";
      if (!sheet && this.look === "compare") this.look = "result";
      if (spent && this.filled) this.change(() => this.mask.clearRect(0, 0, this.width, this.height));
      this.fail("");
      this.age("");
      this.spot.hidden = true;
      if (sheet?.moves) this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.arrange();
      if (before !== this.covered) before?.close();
      if (!sheet) return;
      if (sheet.shown.region) this.zoomTo(sheet.region);
      this.tell("arrived");
    }

    uncover() {
      this.covered?.close();
      this.covered = null;
    }

    // What was begun on the picture before is none of the next one's.
    abandon() {
      this.stroke = this.pinch = this.pen = this.corner = this.touched = null;
      this.frame(null);
    }

    // faces: [{number, outline: [[x, y], ...] as fractions, keep, dials: [{key, label, low, high, step, value}]}]
    outline(faces) {
      this.faces = faces.map((face) => ({ keep: true, dials: [], ...face }));
      const chosen = this.chosen && this.faces.find((face) => face.number === this.chosen);
      const parts = this.faces.flatMap(({ outline, keep, number }) => {
        const points = outline.map(([x, y]) => [x * this.width, y * this.height].join(",")).join(" ");
        const line = drawn("polygon", { points, class: keep ? "" : "left-out", "data-number": number });
        return [drawn("polygon", { points, class: "dark" }), line];
      });
      this.lines.replaceChildren(...parts);
      this.chips.replaceChildren(
        ...this.faces.map((face) => {
          const button = make("button", { type: "button", class: face.keep ? "chip" : "chip left-out", "data-number": face.number, "aria-haspopup": "dialog", "aria-label": this.say(face.keep ? "face_kept" : "face_left", face) }, String(face.number));
          button.addEventListener("click", () => this.chip(face.number));
          return button;
        }),
      );
      this.faceBar.hidden = !faces.length;
      this.faceBar.replaceChildren(
        make("span", {}, this.say("faces")),
        ...this.faces.map((face) => {
          const button = make("button", { type: "button", "data-face": face.number, "aria-label": this.say("face", face) }, String(face.number));
          button.title = this.say("face", face);
          button.addEventListener("click", () => this.change(() => this.fillOutline(face.outline), "face_masked", face));
          return button;
        }),
      );
      if (this.chosen && !chosen) this.chip(null);
      this.arrange();
    }

    // The card of a face: whether it is taken, and its dials. null closes it.
    chip(number) {
      const face = this.faces.find((one) => one.number === number);
      const had = this.card.contains(this.host.shadowRoot.activeElement);
      const last = this.chosen;
      this.chosen = face ? number : null;
      this.card.hidden = !face;
      this.lines.querySelectorAll("polygon").forEach((line) => line.classList.toggle("chosen", Boolean(face) && line.dataset.number === String(number)));
      if (!face) {
        if (had) (this.chips.querySelector(`[data-number="${last}"]`) ?? this.view).focus({ preventScroll: true });
        return;
      }
      const title = this.say("face_name", face);
      this.card.setAttribute("aria-label", title);
      const current = () => this.faces.find((one) => one.number === number) ?? face;
      const take = make("input", { type: "checkbox" });
      take.checked = face.keep;
      take.addEventListener("change", () => {
        current().keep = take.checked;
        this.outline(this.faces);
        this.tellFace(current());
      });
      const dials = face.dials.map((dial) => {
        const value = make("output", {}, String(dial.value));
        const range = make("input", { type: "range", min: dial.low, max: dial.high, step: dial.step, value: dial.value });
        range.value = dial.value;
        range.addEventListener("input", () => (value.textContent = range.value));
        range.addEventListener("change", () => {
          current().dials.find(({ key }) => key === dial.key).value = Number(range.value);
          this.tellFace(current());
        });
        return make("label", { class: "dial" }, make("span", {}, dial.label), value, range);
      });
      const close = make("button", { type: "button", class: "close", "aria-label": this.say("dismiss") }, "×");
      close.addEventListener("click", () => this.chip(null));
      this.card.replaceChildren(make("div", { class: "title" }, make("strong", {}, title), close), make("label", { class: "take" }, take, this.say("face_take")), ...dials);
      this.place();
      take.focus({ preventScroll: true });
    }

    tellFace(face) {
      this.report({ kind: "face", number: face.number, keep: face.keep, ...Object.fromEntries(face.dials.map(({ key, value }) => [key, value])) });
    }

    // ---- words over the picture

    age(text) {
      this.badge.textContent = text || "";
      this.badge.hidden = !text || this.running;
      this.stale = text;
    }

    fail(text) {
      this.wrong.hidden = !text;
      this.wrong.firstChild.textContent = text || "";
      if (text) this.await(false);
    }

    // A run has failed when Gradio says so over the hidden component; the words are in its toast.
    listen() {
      const block = document.getElementById(`${this.name}-stage-status`);
      if (!block && this.host.isConnected) setTimeout(() => this.listen(), 300); // it comes after the stage
      if (!block || block === this.heard) return;
      this.heard = block;
      const look = () => {
        const failed = Boolean(block.querySelector(GRADIO.failed));
        if (failed && !this.failing) setTimeout(() => this.fail([...document.querySelectorAll(GRADIO.toast)].at(-1)?.textContent || this.say("failed")), 60);
        this.failing = failed;
      };
      new MutationObserver(look).observe(block, { childList: true, subtree: true });
      look(); // it may have failed before anybody listened
    }

    work(running, percent, text) {
      if (running && !this.running) this.fail("");
      this.running = running;
      const busy = running || this.awaited;
      this.meter.hidden = this.doing.hidden = !busy;
      this.board.toggleAttribute("aria-busy", busy);
      this.meter.classList.toggle("unknown", percent === null);
      if (percent === null) this.meter.removeAttribute("aria-valuenow");
      else this.meter.setAttribute("aria-valuenow", percent);
      this.meter.firstChild.style.width = percent === null ? "" : `${percent}%`;
      this.doing.textContent = running ? text || this.say("working") : this.awaited ? this.say("opening") : "";
      this.badge.hidden = !this.stale || running;
    }

    // A file is on its way; the server's word ends that.
    await(awaited) {
      clearTimeout(this.patience);
      this.awaited = awaited;
      if (awaited) this.patience = setTimeout(() => this.await(false), 120000);
      this.work(this.running, null, "");
    }

    // ---- files

    over(event) {
      if (!this.takes || ![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      this.floor.classList.add("over");
    }

    dropped(event) {
      this.floor.classList.remove("over");
      if (!this.takes || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      event.stopPropagation();
      this.give([...event.dataTransfer.files]);
    }

    // Hand files to the tab's hidden component: events and the API stay as they are.
    give(files) {
      let input = document.getElementById(`${this.name}-stage-open`);
      while (input && !input.matches("input[type=file]")) input = input.previousElementSibling;
      if (!input || !files.length) return;
      const large = files.find((file) => file.size > this.largest * 1e6);
      if (large) return this.fail(this.say("too_large", { most: this.largest }));
      this.fail("");
      const carried = new DataTransfer();
      for (const file of input.multiple ? files : files.slice(0, 1)) carried.items.add(file);
      input.files = carried.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      this.await(true);
    }

    get visible() {
      return this.host.isConnected && this.board.offsetParent !== null;
    }

    // ---- several results beside each other

    async compareSeveral(listed) {
      const sheets = (await Promise.all((listed ?? []).slice(0, 4).map((one) => Sheet.of(one)))).filter(Boolean);
      this.closeSeveral();
      this.several = sheets.map((sheet) => {
        const holder = make("div", { class: "pictures" }, sheet.image);
        const sharp = make("canvas", { class: "sharp", hidden: "" });
        const words = [sheet.shown.name, sheet.shown.seconds].filter(Boolean).join(" · ");
        const pane = make("div", { class: "pane", role: "img", "aria-label": words }, holder, sharp, make("span", { class: "name" }, words));
        return { sheet, holder, sharp, pane };
      });
      this.panes.replaceChildren(...this.several.map(({ pane }) => pane));
      if (sheets.length) {
        this.zoom = 1;
        this.tell("beside", { count: sheets.length });
      }
      this.arrange();
    }

    closeSeveral() {
      for (const { sheet } of this.several) sheet.close();
      this.several = [];
      this.panes.replaceChildren();
    }

    // Columns and rows of the panes: those in which the picture is largest.
    get layout() {
      const count = this.several.length || 1;
      if (count === 1) return [1, 1];
      const [width, height] = [this.view.clientWidth, this.view.clientHeight];
      const ways = [[count, 1], [1, count], ...(count > 2 ? [[2, 2]] : [])];
      const size = ([columns, rows]) => Math.min(width / columns / this.wide, height / rows / this.high);
      return ways.reduce((best, way) => (size(way) > size(best) ? way : best));
    }

    get area() {
      const [columns, rows] = this.layout;
      return [this.view.clientWidth / columns, this.view.clientHeight / rows];
    }

    // ---- tiles

    // tiles: [{url, caption}]; an empty list takes them away. More of those that somebody has left bring them not back.
    lay(tiles, of = "", keep = false) {
      if (of && of === this.left_of) return;
      if (keep && tiles.length === this.tiles.length) {
        this.tiles = tiles;
        this.build_grid();
        if (this.opened !== undefined) this.exchange({ index: this.opened });
        return this.arrange();
      }
      if (!tiles.length && this.of) this.left_of = this.of;
      this.of = of;
      this.tiles = tiles;
      this.marked.clear();
      this.opened = undefined;
      this.tile?.close();
      this.tile = null;
      this.fail("");
      this.age("");
      this.build_grid();
      this.arrange();
    }

    get laid() {
      return this.tiles.length ? this.tiles : this.samples ?? [];
    }

    build_grid() {
      this.grid.replaceChildren(
        ...this.laid.map((tile, index) => {
          const open = make("button", { type: "button", class: "tile", "data-index": index, "aria-label": tile.caption || this.say("tile", { number: index + 1 }) }, make("img", { src: tile.url, alt: "", draggable: "false" }), make("span", {}, tile.caption || ""));
          open.addEventListener("click", (event) => (event.shiftKey || event.ctrlKey || event.metaKey ? this.mark(index) : this.enlarge(index)));
          open.addEventListener("keydown", (event) => this.stroll(event, index));
          const place = make("div", { class: "place" }, open);
          if (this.tiles.length > 1) {
            const check = make("button", { type: "button", class: "check", role: "checkbox", "aria-checked": "false", "aria-label": this.say("mark", { name: tile.caption || index + 1 }) }, "✓");
            check.addEventListener("click", () => this.mark(index));
            place.append(check);
          }
          return place;
        }),
      );
      this.show_marks();
      this.spread_grid();
    }

    show_marks() {
      [...this.grid.children].forEach((place, i) => {
        place.classList.toggle("marked", this.marked.has(i));
        place.querySelector(".check")?.setAttribute("aria-checked", this.marked.has(i));
      });
    }

    // As many columns as let the tiles be largest.
    spread_grid() {
      const count = this.laid.length, width = this.floor.clientWidth - 24, height = this.floor.clientHeight - 24 - (this.first.hidden ? 0 : 110);
      if (!count || width <= 0) return;
      let best = [0, 1];
      for (let columns = 1; columns <= count; columns++) {
        const side = Math.min((width - 8 * (columns - 1)) / columns, (height - 8 * (Math.ceil(count / columns) - 1)) / Math.ceil(count / columns));
        if (side > best[0]) best = [side, columns];
      }
      const side = Math.max(best[0], 72);
      this.grid.style.setProperty("--side", `${Math.floor(side)}px`);
      this.grid.style.setProperty("--columns", side > best[0] ? Math.max(1, Math.floor((width + 8) / (side + 8))) : best[1]);
    }

    mark(index) {
      if (!this.tiles.length) return;
      if (!this.marked.delete(index)) {
        if (this.marked.size >= MOST_MARKED) return this.tell("marked_most", { most: MOST_MARKED });
        this.marked.add(index);
      }
      this.show_marks();
      this.report({ kind: "marked", indices: [...this.marked] });
      this.refresh();
      this.tell("marked", { count: this.marked.size });
    }

    async enlarge(index) {
      const tile = this.laid[index];
      if (!tile) return;
      const sheet = await Sheet.of(tile);
      if (!sheet || this.laid[index] !== tile) return;
      this.tile?.close();
      this.tile = sheet;
      this.opened = index;
      this.zoom = 1;
      this.arrange();
      this.view.focus({ preventScroll: true });
      if (this.tiles.length) this.report({ kind: "tile", index });
    }

    // The same tile in a better file; where it is open the view stays.
    async exchange({ index, ...tile }) {
      if (!this.tiles[index]) return;
      this.tiles[index] = { ...this.tiles[index], ...tile };
      if (this.opened !== index) return;
      const sheet = await Sheet.of(this.tiles[index]);
      if (!sheet || this.opened !== index) return;
      this.tile?.close();
      this.tile = sheet;
      this.arrange();
    }

    // From an open tile to all of them, from several results to the one.
    back() {
      if (this.several.length) {
        this.closeSeveral();
        this.zoom = 1;
        this.report({ kind: "closed" });
        this.arrange();
        return this.view.focus({ preventScroll: true });
      }
      if (this.after?.shown.region) {
        this.after.close();
        this.after = this.covered ?? null;
        this.covered = null;
        this.spot.hidden = true;
        this.zoom = 1;
        this.arrange();
        return this.view.focus({ preventScroll: true });
      }
      if (this.opened === undefined) {
        if (!this.width || !this.tiles.length) return;
        this.lay([]);
        return this.view.focus({ preventScroll: true });
      }
      const index = this.opened;
      this.opened = undefined;
      this.arrange();
      this.grid.querySelector(`[data-index="${index}"]`)?.focus();
    }

    stroll(event, index) {
      const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (step !== undefined) this.grid.querySelector(`[data-index="${index + step}"]`)?.focus();
      else if (event.key === " ") this.mark(index);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    // ---- clips: one clock for all that are seen

    get reels() {
      return (this.shown ?? []).filter((sheet) => sheet.moves).map((sheet) => sheet.image);
    }

    play(playing) {
      this.playing = playing;
      this.roll();
      this.refresh();
    }

    mute(muted) {
      this.loud = muted;
      this.roll();
      this.refresh();
    }

    // Another place in the clip, in seconds.
    seek(seconds) {
      this.clock = seconds;
      for (const video of this.reels) video.currentTime = seconds;
      this.showTime();
    }

    // What is seen plays or rests, from where the clock is: one that was out of sight has missed some.
    roll() {
      cancelAnimationFrame(this.rolling);
      const reels = this.reels;
      if (!reels.length) return;
      for (const video of reels) {
        if (Math.abs(video.currentTime - this.clock) > 0.05) video.currentTime = this.clock;
        video.muted = !this.loud || video !== reels.at(-1);
        if (this.playing) video.play().catch(() => {});
        else video.pause();
      }
      if (this.playing) this.rolling = requestAnimationFrame(() => this.turn());
      this.showTime();
    }

    // The last one, which is the result, leads. The other follows a little faster or slower: to seek would make it jerk.
    turn() {
      const reels = this.reels, lead = reels.at(-1);
      if (!lead || !this.playing) return;
      if (!lead.seeking) this.clock = lead.currentTime;
      for (const video of reels.slice(0, -1)) {
        const behind = this.clock - video.currentTime;
        if (Math.abs(behind) > 0.25 && !video.seeking) video.currentTime = this.clock;
        video.playbackRate = Math.abs(behind) > 0.02 ? clamp(1 + behind, 0.8, 1.25) : 1;
      }
      if (lead.paused && this.host.isConnected) lead.play().catch(() => {}); // the tab was away
      this.showTime();
      this.rolling = requestAnimationFrame(() => this.turn());
    }

    showTime() {
      const length = this.reels.at(-1)?.duration || 0;
      this.seeker.max = length || 1;
      if (this.host.shadowRoot.activeElement !== this.seeker || this.playing) this.seeker.value = this.clock;
      const text = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
      const now = `${text(this.clock)} / ${text(length)}`;
      if (this.time.textContent === now) return;
      this.time.textContent = now;
      this.seeker.setAttribute("aria-valuetext", now);
    }

    // ---- the divider

    seize(event) {
      event.preventDefault();
      this.divider.focus({ preventScroll: true });
      this.divider.setPointerCapture(event.pointerId);
    }

    divide(split) {
      this.split = clamp(split, 0, 1);
      this.place();
    }

    slide(event) {
      const step = event.shiftKey ? 0.1 : 0.02;
      const [low, high] = this.reach;
      const next = { ArrowLeft: this.split - step, ArrowDown: this.split - step, ArrowRight: this.split + step, ArrowUp: this.split + step, PageUp: this.split + 0.1, PageDown: this.split - 0.1, Home: low, End: high }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.divide(clamp(next, low, high));
    }

    // Where the divider may be: within what is seen of the picture, as fractions of the view.
    get reach() {
      const width = this.view.clientWidth || 1;
      return [clamp(this.left / width, 0, 1), clamp((this.left + this.wide * this.scale) / width, 0, 1)];
    }

    hold(holding, byKey = false) {
      this.byKey = byKey;
      if (Boolean(this.holding) === holding || (holding && (!this.after || this.several.length))) return;
      this.holding = holding;
      this.buttons.peek.setAttribute("aria-pressed", holding);
      this.arrange();
      if (holding) this.tell("before");
    }

    // ---- the mask, and steps that can be undone

    alpha(x, y, width, height) {
      const pixels = this.mask.getImageData(x, y, width, height).data;
      const alpha = new Uint8Array(width * height);
      for (let i = 0; i < alpha.length; i++) alpha[i] = pixels[4 * i + 3];
      return alpha;
    }

    put(alpha, x, y, width, height) {
      const image = new ImageData(width, height);
      for (let i = 0; i < alpha.length; i++) {
        image.data[4 * i] = 255;
        image.data[4 * i + 2] = 102;
        image.data[4 * i + 3] = alpha[i];
      }
      this.mask.putImageData(image, x, y);
    }

    part(x, y, width, height) {
      const part = new Uint8Array(width * height);
      for (let row = 0; row < height; row++) {
        const start = (y + row) * this.width + x;
        part.set(this.kept.subarray(start, start + width), row * width);
      }
      return part;
    }

    keep(alpha, x, y, width, height) {
      for (let row = 0; row < height; row++) {
        const start = (y + row) * this.width + x;
        for (let column = 0; column < width; column++) {
          const value = alpha[row * width + column];
          this.filled += (value > 0) - (this.kept[start + column] > 0);
          this.kept[start + column] = value;
        }
      }
    }

    // One step: draw, remember what was there before within [left, top, right, bottom] (else everywhere), tell the server.
    change(draw, word, values) {
      if (!this.width) return;
      if (draw) this.settle();
      draw?.();
      const [left, top, right, bottom] = this.touched ?? [0, 0, this.width, this.height];
      this.touched = null;
      const x = clamp(Math.floor(left), 0, this.width);
      const y = clamp(Math.floor(top), 0, this.height);
      const width = clamp(Math.ceil(right), 0, this.width) - x;
      const height = clamp(Math.ceil(bottom), 0, this.height) - y;
      if (width <= 0 || height <= 0) return;
      const before = this.part(x, y, width, height);
      const after = this.alpha(x, y, width, height);
      if (before.every((value, i) => value === after[i])) return;
      this.keep(after, x, y, width, height);
      this.done.push({ alpha: before, x, y, width, height });
      if (this.done.length > MOST_UNDO) this.done.shift();
      this.undone = [];
      this.emit();
      if (word) this.tell(word, { ...values, percent: this.percent() });
    }

    // A stroke under way becomes a step of its own and ends: a command comes after it, on all that is seen.
    settle() {
      const drawing = this.stroke?.last;
      if (!drawing && !this.pen) return;
      if (drawing) this.stroke = null;
      this.pen = null;
      this.change(null);
    }

    step(from, to, word) {
      if (this.stroke) return;
      this.lift();
      const step = from.pop();
      if (!step) return;
      const { alpha, x, y, width, height } = step;
      step.alpha = this.part(x, y, width, height);
      this.put(alpha, x, y, width, height);
      this.keep(alpha, x, y, width, height);
      to.push(step);
      this.emit();
      this.tell(word, { percent: this.percent() });
    }

    percent() {
      const share = this.width ? (100 * this.filled) / (this.width * this.height) : 0;
      const plain = share === 0 || share === 100 || (share >= 10 && share <= 90);
      return plain ? Math.round(share) : clamp(share, 0.1, 99.9).toFixed(1); // never "all" where it isn't
    }

    emit() {
      answer(`${this.name}-mask-value`, this.filled ? this.sheet().toDataURL("image/png") : "");
      this.refresh();
    }

    clear() {
      this.settle();
      if (this.filled) this.change(() => this.mask.clearRect(0, 0, this.width, this.height), "cleared");
    }

    invert() {
      this.change(() => this.put(this.kept.map((value) => 255 - value), 0, 0, this.width, this.height), "inverted");
    }

    // A picture whose alpha is a mask takes the mask's place.
    stamp(image) {
      this.mask.clearRect(0, 0, this.width, this.height);
      this.mask.drawImage(image, 0, 0, this.width, this.height);
      this.mask.globalCompositeOperation = "source-in";
      this.mask.fillStyle = COLOR;
      this.mask.fillRect(0, 0, this.width, this.height);
      this.mask.globalCompositeOperation = "source-over";
    }

    fillOutline(outline) {
      this.mask.globalCompositeOperation = "source-over";
      this.mask.fillStyle = COLOR;
      this.mask.beginPath();
      for (const [x, y] of outline) this.mask.lineTo(x * this.width, y * this.height);
      this.mask.fill();
    }

    // The mask as a picture that any program understands: white is what changes.
    sheet() {
      const sheet = make("canvas", { width: this.width, height: this.height });
      const image = new ImageData(this.width, this.height);
      const words = new Uint32Array(image.data.buffer); // one store for a pixel's four bytes
      for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (this.kept[i] * 0x010101);
      sheet.getContext("2d").putImageData(image, 0, 0);
      return sheet;
    }

    save() {
      if (!this.filled) return;
      this.sheet().toBlob((blob) => {
        const link = make("a", { href: URL.createObjectURL(blob), download: `${this.stem}-mask.png` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      });
    }

    // ---- drawing

    choose(tool) {
      if (!this.tools[tool] || (tool === "box" && !this.boxes)) return;
      this.lift();
      this.tool = tool;
      for (const [key, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", key === tool && this.now === "paint");
      this.view.dataset.tool = this.now === "paint" ? tool : "look";
      this.tell(tool);
      this.point(this.cursor);
    }

    resize(size) {
      this.size = clamp(Math.round(size), 1, Number(this.slider.max));
      this.slider.value = this.size;
      this.number.textContent = this.size;
      this.point(this.cursor);
    }

    draw(from, to, erase) {
      const context = this.mask;
      context.globalCompositeOperation = erase ? "destination-out" : "source-over";
      context.strokeStyle = COLOR;
      context.lineCap = "round";
      context.lineWidth = this.size;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(to[0] + 0.001, to[1]); // a line of no length draws nothing
      context.stroke();
      context.globalCompositeOperation = "source-over";
      const reach = this.size / 2 + 2;
      const [left, top, right, bottom] = this.touched ?? [Infinity, Infinity, -Infinity, -Infinity];
      this.touched = [
        Math.min(left, from[0] - reach, to[0] - reach), Math.min(top, from[1] - reach, to[1] - reach),
        Math.max(right, from[0] + reach, to[0] + reach), Math.max(bottom, from[1] + reach, to[1] + reach),
      ];
    }

    // ---- where everything is

    place() {
      if (!this.grid.hidden) this.spread_grid();
      const [width, height] = this.area;
      if (!this.wide || !width || !height) return;
      const scale = Math.min(width / this.wide, height / this.high) * this.zoom;
      this.scale = scale;
      const within = (at, length, room) => (length <= room ? (room - length) / 2 : clamp(at, room - length, 0));
      this.left = within(this.left, this.wide * scale, width);
      this.top = within(this.top, this.high * scale, height);
      const transform = `translate(${this.left}px, ${this.top}px) scale(${scale})`;
      this.pictures.style.transform = this.marks.style.transform = transform;
      this.lines.style.setProperty("--thin", 1.5 / scale);
      this.board.classList.toggle("zoomed", this.zoom > 1);
      const pixels = this.whole;
      this.amount.textContent = pixels ? `${Math.round((100 * this.wide * scale * devicePixelRatio) / pixels)} %` : "";
      if (this.several.length) this.placePanes(width, height);
      this.placeDivider();
      this.placeChips();
      this.placeSpot();
      this.point(this.cursor);
      this.sharpen();
    }

    // Pixels along the width of what is shown, by which "100 %" is meant.
    get whole() {
      return (this.several[0]?.sheet ?? this.shown?.at(-1))?.across ?? 0;
    }

    placePanes(width, height) {
      const [columns, rows] = this.layout;
      Object.assign(this.panes.style, { gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)` });
      // The same place in each, whatever its size: what is in the middle of the first is in the middle of all.
      const middle = [(width / 2 - this.left) / (this.wide * this.scale), (height / 2 - this.top) / (this.high * this.scale)];
      for (const one of this.several) {
        const { sheet, holder } = one;
        one.scale = Math.min(width / sheet.width, height / sheet.height) * this.zoom;
        const at = (part, length, room) => (length <= room ? (room - length) / 2 : clamp(room / 2 - part * length, room - length, 0));
        one.left = at(middle[0], sheet.width * one.scale, width);
        one.top = at(middle[1], sheet.height * one.scale, height);
        Object.assign(holder.style, { width: `${sheet.width}px`, height: `${sheet.height}px`, transform: `translate(${one.left}px, ${one.top}px) scale(${one.scale})` });
      }
    }

    placeDivider() {
      const images = this.shown ?? [];
      for (const { image } of images) image.style.clipPath = "";
      if (this.divider.hidden || images.length < 2) return;
      const width = this.view.clientWidth;
      const [low, high] = this.reach;
      const split = clamp(this.split, low, high);
      this.divider.style.left = `${split * width}px`;
      const share = high > low ? Math.round((100 * (split - low)) / (high - low)) : 50;
      this.divider.setAttribute("aria-valuenow", share);
      this.divider.setAttribute("aria-valuetext", this.say("divided", { percent: share }));
      const at = (split * width - this.left) / this.scale; // in the box
      const [before, after] = images;
      const cut = (sheet) => at - sheet.region[0] * this.wide;
      const own = (after.region[2] - after.region[0]) * this.wide;
      before.image.style.clipPath = after.shown.region ? "" : `inset(0 ${Math.max(0, this.wide - cut(before))}px 0 0)`;
      after.image.style.clipPath = `inset(0 0 0 ${clamp(cut(after), 0, own)}px)`;
      this.names[0].style.maxWidth = `${Math.max(0, split * width - 16)}px`;
      this.names[1].style.maxWidth = `${Math.max(0, (1 - split) * width - 16)}px`;
    }

    placeChips() {
      if (this.chips.hidden) return;
      for (const button of this.chips.children) {
        const face = this.faces.find((one) => String(one.number) === button.dataset.number);
        const [x, y] = this.topOf(face.outline);
        button.style.transform = `translate(${x}px, ${Math.max(0, y)}px) translate(-50%, -100%)`;
        button.classList.toggle("low", y < 30);
      }
      const face = this.faces.find((one) => one.number === this.chosen);
      if (!face) return;
      const across = face.outline.map(([x]) => x * this.wide * this.scale + this.left);
      const [, y] = this.topOf(face.outline);
      const { clientWidth: width, clientHeight: height } = this.view;
      const { offsetWidth: wide, offsetHeight: high } = this.card;
      const right = Math.max(...across) + 12, left = Math.min(...across) - 12 - wide;
      const x = right + wide < width ? right : left > 0 ? left : (width - wide) / 2;
      this.card.style.transform = `translate(${clamp(x, 4, Math.max(4, width - wide - 4))}px, ${clamp(y, 4, Math.max(4, height - high - 4))}px)`;
    }

    topOf(outline) {
      const points = outline.map(([x, y]) => [x * this.wide * this.scale + this.left, y * this.high * this.scale + this.top]);
      const top = Math.min(...points.map(([, y]) => y));
      const [low, high] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
      return [(low + high) / 2, top];
    }

    placeSpot() {
      if (this.spot.hidden || !this.clicked) return;
      const [x, y] = [this.clicked[0] * this.wide * this.scale + this.left, this.clicked[1] * this.high * this.scale + this.top];
      this.spot.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
    }

    // Where the small pictures have too little to give, the files themselves are painted over them, once they are there.
    sharpen() {
      cancelAnimationFrame(this.sharpening);
      this.sharpening = requestAnimationFrame(() => {
        if (this.several.length) {
          const large = this.several.reduce((sum, { sheet }) => sum + sheet.width * sheet.height, 0) > MOST_SHARP;
          for (const one of this.several) this.paintSharp(one.sharp, large ? [] : [one.sheet], one.left, one.top, one.sheet.width * one.scale, one.sheet.height * one.scale, ...this.area);
        } else {
          this.paintSharp(this.sharp, this.shown ?? [], this.left, this.top, this.wide * this.scale, this.high * this.scale, this.view.clientWidth, this.view.clientHeight);
        }
      });
    }

    paintSharp(canvas, sheets, left, top, width, height, wide, high) {
      const ratio = devicePixelRatio || 1;
      const wanting = sheets.filter((sheet) => sheet.wants(width * ratio));
      const there = wanting.filter((sheet) => sheet.bitmap);
      for (const sheet of wanting) if (!sheet.bitmap) sheet.load().then((came) => came && this.sharpen());
      canvas.hidden = !there.length;
      if (!there.length) return;
      const [across, down] = [Math.round(wide * ratio), Math.round(high * ratio)];
      if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, across, down);
      const [low, most] = this.reach;
      const split = !this.divider.hidden && sheets.length > 1 ? clamp(this.split, low, most) * across : null;
      for (const sheet of there) {
        const first = sheets.length > 1 && sheet === sheets[0];
        const whole = split === null || (first && sheets[1].shown.region);
        sheet.paint(context, left * ratio, top * ratio, width * ratio, height * ratio, whole || first ? 0 : split, whole || !first ? across : split);
      }
    }

    // Zoom so that the point (x, y) of the view, its middle without one, stays where it is.
    zoomBy(factor, x = this.area[0] / 2, y = this.area[1] / 2) {
      if (!this.wide) return;
      const before = this.zoom;
      const actual = this.actual;
      this.zoom = clamp(this.zoom * factor, Math.min(1, actual), Math.max(CLOSEST, 8 * actual));
      if (this.zoom === before) return;
      this.left = x - ((x - this.left) * this.zoom) / before;
      this.top = y - ((y - this.top) * this.zoom) / before;
      this.place();
      this.tell("zoomed", { percent: parseInt(this.amount.textContent, 10) });
    }

    // The zoom at which a pixel of the file is one of the screen.
    get actual() {
      const fit = Math.min(this.area[0] / this.wide, this.area[1] / this.high);
      return this.whole / devicePixelRatio / (this.wide * fit) || 1;
    }

    fit() {
      this.zoom = 1;
      this.place();
    }

    full(x, y) {
      this.zoomBy(this.actual / this.zoom, x, y);
    }

    // A part of the picture, in fractions, fills most of the view.
    zoomTo([left, top, right, bottom]) {
      const [width, height] = this.area;
      const fit = Math.min(width / this.wide, height / this.high);
      const scale = 0.8 * Math.min(width / ((right - left) * this.wide), height / ((bottom - top) * this.high));
      this.zoom = clamp(scale / fit, 1, Math.max(CLOSEST, 8 * this.actual));
      const reached = fit * this.zoom;
      this.left = width / 2 - ((left + right) / 2) * this.wide * reached;
      this.top = height / 2 - ((top + bottom) / 2) * this.high * reached;
      this.split = 0.5;
      this.place();
    }

    // A point of the screen, within the view or the pane that it is in; and as pixels of the box.
    within(x, y) {
      const box = this.view.getBoundingClientRect();
      const [across, down] = [x - box.left - this.view.clientLeft, y - box.top - this.view.clientTop];
      if (!this.several.length) return [across, down];
      const [width, height] = this.area;
      return [((across % width) + width) % width, ((down % height) + height) % height];
    }

    at(x, y) {
      const [across, down] = this.within(x, y);
      return [(across - this.left) / this.scale, (down - this.top) / this.scale];
    }

    // The ring that shows the brush; null hides it.
    point(cursor) {
      this.cursor = cursor;
      this.ring.hidden = !cursor || this.now !== "paint" || this.tool === "move" || Boolean(this.hand);
      if (this.ring.hidden) return;
      const side = Math.max(this.tool === "box" ? 8 : this.size * this.scale, 3);
      this.ring.style.width = this.ring.style.height = `${side}px`;
      this.ring.style.transform = `translate(${cursor[0] * this.scale + this.left - side / 2}px, ${cursor[1] * this.scale + this.top - side / 2}px)`;
    }

    // ---- mouse, finger, pen

    down(event) {
      if (!this.wide || (event.pointerType === "mouse" && event.button > 1)) return;
      const penDown = [...this.pointers.values()].some((pointer) => pointer.pen);
      if (penDown && event.pointerType === "touch") return; // the palm
      event.preventDefault();
      this.view.focus({ preventScroll: true });
      this.view.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, pen: event.pointerType === "pen" });
      if (this.pointers.size === 2) {
        this.undraw();
        this.stroke = null;
        this.pinch = this.apart();
      } else if (this.pointers.size === 1) {
        const place = this.at(event.clientX, event.clientY);
        const paints = this.now === "paint";
        if (this.hand || event.button === 1 || (paints && this.tool === "move")) this.stroke = { pan: true };
        else if (!paints) this.stroke = { pan: true, slides: this.now === "compare" && this.zoom <= 1, from: [event.clientX, event.clientY] };
        else if (this.tool === "box") this.stroke = { box: [place, place] };
        else {
          const erase = this.tool === "eraser" || event.button === 5; // a pen's other end
          this.stroke = { last: place, erase };
          this.draw(place, place, erase);
        }
        this.point(place);
        this.view.classList.toggle("held", Boolean(this.stroke.pan));
      }
    }

    drag(event) {
      const pointer = this.pointers.get(event.pointerId);
      const place = this.wide ? this.at(event.clientX, event.clientY) : null;
      this.hovers = event.pointerType !== "touch";
      if (!pointer) {
        if (event.pointerType !== "touch") this.point(place);
        return;
      }
      const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y];
      Object.assign(pointer, { x: event.clientX, y: event.clientY });
      if (this.pinch && this.pointers.size === 2) {
        const now = this.apart();
        this.left += now.x - this.pinch.x;
        this.top += now.y - this.pinch.y;
        if (this.pinch.distance > 0) this.zoomBy(now.distance / this.pinch.distance, now.x, now.y);
        this.place();
        this.pinch = now;
      } else if (this.stroke?.pan) {
        const { from } = this.stroke;
        if (from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) <= CLICK) return;
        if (from) this.stroke.from = null;
        if (this.stroke.slides) return this.divide(this.within(event.clientX, event.clientY)[0] / this.view.clientWidth);
        this.left += dx;
        this.top += dy;
        this.place();
      } else if (this.stroke?.box) {
        this.stroke.box[1] = place;
        this.frame(this.stroke.box);
        this.point(place);
      } else if (this.stroke) {
        const passed = event.getCoalescedEvents?.() ?? [];
        for (const { clientX, clientY } of passed.length ? passed : [event]) {
          const next = this.at(clientX, clientY);
          this.draw(this.stroke.last, next, this.stroke.erase);
          this.stroke.last = next;
        }
        this.point(place);
      }
    }

    up(event) {
      if (!this.pointers.delete(event.pointerId)) return;
      this.view.classList.remove("held");
      if (this.pointers.size) return; // after a pinch the other finger draws nothing
      const stroke = this.stroke;
      this.stroke = this.pinch = null;
      if (event.type === "pointercancel") this.undraw();
      else if (stroke?.box) this.send(stroke.box);
      else if (stroke?.from) this.clickedAt(this.at(event.clientX, event.clientY));
      else if (stroke && !stroke.pan) this.change(null);
      this.frame(null);
      if (event.pointerType === "touch") this.point(null);
    }

    // A click, where a drag would move the picture: a face's card, or a place to look at.
    clickedAt([x, y]) {
      if (!this.width || this.several.length || this.opened !== undefined) return;
      const inside = (outline) => {
        let odd = false;
        const points = outline.map(([across, down]) => [across * this.wide, down * this.high]);
        points.forEach(([ax, ay], i) => {
          const [bx, by] = points[(i || points.length) - 1];
          if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
        });
        return odd;
      };
      const face = this.faces.find(({ outline }) => inside(outline));
      if (face || this.chosen) return this.chip(face ? face.number : null);
      if (!this.points || x < 0 || y < 0 || x > this.wide || y > this.high) return;
      this.clicked = [x / this.wide, y / this.high];
      this.spot.hidden = false;
      this.placeSpot();
      this.report({ kind: "point", x: Number(this.clicked[0].toFixed(5)), y: Number(this.clicked[1].toFixed(5)) });
    }

    twice(event) {
      if (this.now === "paint" || this.points || !this.wide) return;
      if (this.zoom > 1) this.fit();
      else this.full(...this.within(event.clientX, event.clientY));
    }

    // A stroke that was none: two fingers came down, or the system took the pointer.
    undraw() {
      if (!this.touched) return;
      this.touched = null;
      this.put(this.kept, 0, 0, this.width, this.height);
    }

    // Middle of and distance between the two fingers, in the view.
    apart() {
      const [a, b] = this.pointers.values();
      const [x, y] = this.within((a.x + b.x) / 2, (a.y + b.y) / 2);
      return { x, y, distance: Math.hypot(a.x - b.x, a.y - b.y) };
    }

    frame(corners) {
      this.lines.querySelector("rect")?.remove();
      if (!corners) return;
      const [left, top, right, bottom] = this.ordered(corners);
      this.lines.append(drawn("rect", { x: left, y: top, width: right - left, height: bottom - top }));
    }

    ordered([[ax, ay], [bx, by]]) {
      const inside = (value, most) => clamp(value, 0, most);
      return [
        inside(Math.min(ax, bx), this.width), inside(Math.min(ay, by), this.height),
        inside(Math.max(ax, bx), this.width), inside(Math.max(ay, by), this.height),
      ];
    }

    send(corners) {
      const [left, top, right, bottom] = this.ordered(corners);
      if (right - left < 4 || bottom - top < 4) return; // a click
      const fractions = [left / this.width, top / this.height, right / this.width, bottom / this.height];
      answer(`${this.name}-mask-box`, JSON.stringify(fractions.map((value) => Number(value.toFixed(5)))));
      this.tell("boxed");
    }

    wheel(event) {
      if (!this.wide) return;
      event.preventDefault();
      const turned = event.deltaY || event.deltaX; // with Shift some browsers turn it sideways
      const factor = Math.exp(-clamp(turned * (event.deltaMode ? 30 : 1), -120, 120) / 600);
      if (event.shiftKey && this.now === "paint") {
        const next = this.size * factor;
        this.resize(factor > 1 ? Math.max(next, this.size + 1) : Math.min(next, this.size - 1));
      } else this.zoomBy(factor * factor, ...this.within(event.clientX, event.clientY));
    }

    // ---- keys

    focused() {
      if (this.now === "paint" && !this.cursor && this.view.matches(":focus-visible")) this.point([this.width / 2, this.height / 2]);
    }

    key(event) {
      const command = event.ctrlKey || event.metaKey;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const focus = this.host.shadowRoot.activeElement;
      const inView = focus === this.view;
      const paints = this.now === "paint";
      if (key === "Escape" && this.escape()) return event.preventDefault();
      if (!this.wide || focus?.type === "range" || focus?.type === "checkbox") return;
      let act = null;
      if (paints && (key === "[" || key === "【")) act = () => this.resize(Math.min(this.size / 1.15, this.size - 1));
      else if (paints && (key === "]" || key === "】")) act = () => this.resize(Math.max(this.size * 1.15, this.size + 1));
      else if (paints && command && key === "z") act = () => this.buttons[event.shiftKey ? "redo" : "undo"].click();
      else if (paints && command && key === "y") act = () => this.buttons.redo.click();
      else if (command || event.altKey) return;
      else if (key === "o" && this.width) act = () => this.hold(true, true);
      else if (key === "b" && this.width && this.paints) act = () => (paints || this.see("paint"), this.choose("brush"));
      else if (key === "c" && this.width) act = () => this.see("compare");
      else if (key === "r" && this.width) act = () => this.see("result");
      else if (paints && "ehf".includes(key)) act = () => this.choose({ e: "eraser", h: "move", f: "box" }[key]);
      else if (paints && key === "i") act = () => this.invert();
      else if (key === "+" || key === "=") act = () => this.zoomBy(1.5);
      else if (key === "-") act = () => this.zoomBy(1 / 1.5);
      else if (key === "0") act = () => this.fit();
      else if (key === "1") act = () => this.full();
      else if (!inView) return;
      else if (key === " ") act = () => this.space(event.repeat);
      else if (paints && (key === "Delete" || key === "Backspace")) act = () => this.clear();
      else if (paints && key === "Enter") act = () => this.press(key, event.repeat);
      else if (key.startsWith("Arrow")) act = () => this.arrow(key, event.shiftKey);
      if (!act) return;
      event.preventDefault();
      act();
    }

    released(event) {
      if (event.key === " ") (this.lift(), this.letGo());
      if (event.key.toLowerCase() === "o") this.hold(false);
    }

    // Esc takes away what lies on top.
    escape() {
      if (!this.card.hidden) return this.chip(null), true;
      if (this.stroke?.last || this.stroke?.box || this.pen || this.corner) return this.drop(), true;
      if (this.several.length || this.opened !== undefined || this.after?.shown.region || (this.width && this.tiles.length)) return this.back(), true;
      return false;
    }

    // Held with a mouse over the picture, Space is the hand that moves it; without, the keyboard's pen.
    space(repeat) {
      if (this.reels.length) return repeat || this.play(!this.playing);
      if (this.now === "paint" && !(this.hovers && this.cursor)) return this.press(" ", repeat);
      if (this.pointers.size) return;
      this.hand = true;
      this.view.classList.add("hand");
      this.point(this.cursor);
    }

    letGo() {
      if (!this.hand) return;
      this.hand = false;
      this.view.classList.remove("hand");
      this.point(this.cursor);
    }

    // Space draws as long as it is held, Enter one dab; with the box tool the first press is a corner, the second the other.
    press(key, repeat) {
      if (repeat || this.pointers.size) return;
      this.cursor ??= [this.width / 2, this.height / 2];
      const place = [...this.cursor];
      this.point(place);
      if (this.tool === "move") return;
      if (this.tool === "box") {
        if (this.corner) this.send([this.corner, place]);
        this.corner = this.corner ? null : place;
        this.frame(this.corner ? [this.corner, place] : null);
        return;
      }
      this.pen = { last: place };
      this.draw(place, place, this.tool === "eraser");
      if (key === "Enter") this.lift();
    }

    // The keyboard's pen goes up: the stroke is a step.
    lift() {
      if (!this.pen) return;
      this.pen = null;
      this.change(null, "drawn");
    }

    drop() {
      this.undraw();
      this.pen = this.corner = this.stroke = null;
      this.frame(null);
    }

    arrow(key, far) {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
      if (this.now === "paint" && this.tool !== "move") return this.walk(dx, dy, far);
      if (this.opened !== undefined && dx && this.zoom <= 1) return this.enlarge(this.opened + dx);
      if (this.now === "compare" && dx && this.zoom <= 1) {
        const [low, high] = this.reach;
        return this.divide(clamp(clamp(this.split, low, high) + dx * (far ? 0.1 : 0.02), low, high));
      }
      this.left -= dx * 40;
      this.top -= dy * 40;
      this.place();
    }

    walk(dx, dy, far) {
      this.hovers = false; // the keyboard has the brush now
      const step = (far ? 2 : 0.25) * Math.max(this.size, 4);
      const from = this.cursor ?? [this.width / 2, this.height / 2];
      const to = [clamp(from[0] + dx * step, 0, this.width), clamp(from[1] + dy * step, 0, this.height)];
      if (this.pen) {
        this.draw(this.pen.last, to, this.tool === "eraser");
        this.pen.last = to;
      }
      // What is drawn on stays in sight.
      const [x, y] = [to[0] * this.scale + this.left, to[1] * this.scale + this.top];
      this.left += clamp(x, 0, this.view.clientWidth) - x;
      this.top += clamp(y, 0, this.view.clientHeight) - y;
      this.cursor = to;
      this.place();
      if (this.corner) this.frame([this.corner, to]);
      const covered = this.kept[Math.min(Math.floor(to[1]), this.height - 1) * this.width + Math.min(Math.floor(to[0]), this.width - 1)] > 127;
      this.tell(covered ? "cursor_masked" : "cursor_free", { x: Math.round((100 * to[0]) / this.width), y: Math.round((100 * to[1]) / this.height) });
    }
  }

  // A file dropped beside the stage would take the place of the page, and one pasted goes to the stage in sight.
  const inSight = () => [...stages.values()].find((stage) => stage.takes && stage.visible);
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => !event.defaultPrevented && files(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (event.defaultPrevented || !files(event)) return;
    event.preventDefault();
    inSight()?.give([...event.dataTransfer.files]);
  });
  // Esc goes back from wherever the focus is, but for a field or a list that has a use for it.
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) return;
    if ([...stages.values()].find((stage) => stage.visible)?.escape()) event.preventDefault();
  });
  addEventListener("paste", (event) => {
    const given = [...(event.clipboardData?.files ?? [])];
    if (!given.length || event.defaultPrevented) return;
    const stage = inSight();
    if (!stage) return;
    event.preventDefault();
    stage.give(given);
  });

  // How far the job of a tab is, as jobs.js hears it from the server.
  document.addEventListener("atelier-job", ({ detail: { tab, state, text, part } }) => {
    for (const stage of stages.values()) {
      if ((stage.tab ?? stage.name) === tab) stage.work(Boolean(state), part === null ? null : Math.round(100 * part), text);
    }
  });

  customElements.define(
    "atelier-stage",
    class extends HTMLElement {
      connectedCallback() {
        stageOf(this.getAttribute("name")).become(this);
      }
    },
  );

  customElements.define(
    "stage-order",
    class extends HTMLElement {
      connectedCallback() {
        const { number, says } = Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value]));
        stageOf(this.getAttribute("for")).order({ number, says });
      }
    },
  );
})
