// The mask brush: a board over a preview on which a mask is drawn. No word stands here; LABELS has them in two languages.
//
// Gradio's own ways to attach scripts evaluate text, which the page's content security policy forbids. So the page's
// head holds this script, and <mask-canvas name="N"> is where the board N shows itself. The server speaks to a board by
// writing a <mask-order for="N" ...> into a hidden Markdown: image, stem (new picture), faces (their outlines), mask
// (one to load). The board answers in hidden text boxes: #N-mask-value holds the mask as a PNG, white
// on black ("" for none), #N-mask-box a face drawn by hand, [left, top, right, bottom] as fractions of the picture.
(function (STYLE, LABELS) {
  "use strict";

  const COLOR = "rgb(255, 0, 102)";
  const MOST_UNDO = 100;
  const CLOSEST = 16; // zoom, as a multiple of the whole picture's size on the screen
  const SIGNS = { undo: "↶", redo: "↷", closer: "+", farther: "−" };
  const boards = new Map();

  const boardOf = (name) => {
    if (!boards.has(name)) boards.set(name, new Board(name));
    return boards.get(name);
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function answer(id, text) {
    const field = document.querySelector(`#${id} input, #${id} textarea`);
    if (!field || field.value === text) return;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  class Board {
    constructor(name) {
      this.name = name;
      this.words = LABELS[/^zh/i.test(document.documentElement.lang) ? "zh" : "en"];
      this.tool = "brush";
      this.size = 40; // the brush's diameter, in pixels of the preview
      this.zoom = 1;
      this.left = this.top = 0; // where the picture's corner is in the view
      this.undone = [];
      this.done = [];
      this.pointers = new Map(); // that are down: id -> [x, y] on the screen
      this.cursor = null; // in pixels of the preview
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
      this.buttons = {};
      const bar = make("div", { class: "bar", role: "group", "aria-label": this.say("tools") });
      const group = (...parts) => bar.append(make("div", { class: "group" }, ...parts));
      const tool = (key, shortcut) => {
        const button = this.button(key, shortcut, () => this.choose(key));
        return (this.tools[key] = button);
      };
      const action = (key, shortcut, act) => (this.buttons[key] = this.button(key, shortcut, act));
      group(tool("brush", "B"), tool("eraser", "E"), tool("move", "H"), tool("box", "F"));
      this.slider = make("input", { type: "range", min: 1, max: 200, class: "size" });
      this.slider.addEventListener("input", () => this.resize(Number(this.slider.value)));
      this.number = make("output", { class: "number" });
      group(make("label", { class: "size-label", title: "[ ]" }, make("span", {}, this.say("size")), this.slider, this.number));
      group(
        action("undo", "Control+Z", () => this.step(this.done, this.undone, "undone")),
        action("redo", "Control+Shift+Z", () => this.step(this.undone, this.done, "redone")),
        action("clear", "Delete", () => this.clear()),
        action("invert", "I", () => this.invert()),
      );
      group(
        action("closer", "+", () => this.zoomBy(1.5)),
        action("farther", "-", () => this.zoomBy(1 / 1.5)),
        action("whole", "0", () => this.fit()),
      );
      group(
        action("load", "", () => this.width && document.getElementById(`${this.name}-mask-load`)?.click()),
        action("save", "", () => this.save()),
      );
      this.faceBar = make("div", { class: "faces", role: "group", "aria-label": this.say("faces"), hidden: "" });

      this.picture = make("img", { alt: "", draggable: "false" });
      this.canvas = make("canvas", { width: 1, height: 1 });
      this.mask = this.canvas.getContext("2d", { willReadFrequently: true });
      this.lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      this.lines.setAttribute("aria-hidden", "true");
      this.stage = make("div", { class: "stage" }, this.picture, this.canvas, this.lines);
      this.ring = make("div", { class: "ring", hidden: "" });
      this.empty = make("div", { class: "empty" }, this.say("empty"));
      this.view = make(
        "div",
        { class: "view", tabindex: "0", role: "application", "aria-label": this.say("canvas"), "aria-describedby": "hint" },
        this.stage, this.ring, this.empty,
      );
      this.state = make("div", { class: "state" });
      this.live = make("div", { class: "live", "aria-live": "polite" });
      const hint = make("details", { class: "hint" }, make("summary", {}, this.say("keys")), make("p", { id: "hint" }, this.say("hint")));
      this.board = make("div", { class: "board" }, bar, this.faceBar, this.view, this.state, hint, this.live);
      root.append(make("style", {}, STYLE), this.board);

      this.view.addEventListener("pointerdown", (event) => this.down(event));
      this.view.addEventListener("pointermove", (event) => this.drag(event));
      for (const kind of ["pointerup", "pointercancel"]) this.view.addEventListener(kind, (event) => this.up(event));
      this.view.addEventListener("pointerleave", () => this.pointers.size || this.point(null));
      this.view.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.view.addEventListener("focus", () => this.focused());
      this.view.addEventListener("blur", () => this.lift());
      this.host.addEventListener("keydown", (event) => this.key(event));
      this.host.addEventListener("keyup", (event) => event.key === " " && this.lift());
      new ResizeObserver(() => this.place()).observe(this.view);
      this.choose("brush");
      this.resize(this.size);
      this.refresh();
    }

    button(key, shortcut, act) {
      const label = this.say(key);
      const sign = SIGNS[key];
      const button = make("button", { type: "button", class: key, "data-do": key, title: shortcut ? `${label} (${shortcut.replace("Control", "Ctrl")})` : label });
      if (shortcut) button.setAttribute("aria-keyshortcuts", shortcut);
      button.textContent = sign ?? label;
      if (sign) button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      return button;
    }

    refresh() {
      const ready = this.width > 0;
      this.board.classList.toggle("ready", ready);
      const lacking = { undo: !this.done.length, redo: !this.undone.length, clear: !this.filled, save: !this.filled };
      for (const [key, button] of Object.entries(this.buttons)) this.disable(button, !ready || Boolean(lacking[key]));
      for (const button of Object.values(this.tools)) this.disable(button, !ready);
      this.slider.disabled = !ready;
      this.tools.box.hidden = !this.boxes;
      this.state.textContent = ready ? this.say(this.filled ? "covered" : "covered_none", { percent: this.percent() }) : "";
    }

    disable(button, disabled) {
      // A disabled button would lose the focus, and with it the keys.
      button.setAttribute("aria-disabled", disabled);
    }

    tell(key, values) {
      this.live.textContent = "";
      this.live.textContent = this.say(key, values);
    }

    // ---- what the server says

    // One after the other; an order that the page shows anew (its tab was opened again) is none.
    order(order) {
      if (order.number === this.last) return;
      this.last = order.number;
      this.orders = (this.orders ?? Promise.resolve()).then(() => this.obey(order));
    }

    async obey(order) {
      if (order.image) this.open(await this.fetched(order.image), order);
      else if (order.image === "") this.close();
      if (!this.width) return;
      if (order.faces) this.outline(JSON.parse(order.faces));
      if (order.mask) {
        const image = await this.fetched(order.mask);
        if (image) this.change(() => this.stamp(image), "loaded");
      }
    }

    // The picture, or null where it isn't there (any more).
    async fetched(address) {
      const image = new Image();
      image.src = address;
      await image.decode().catch(() => {});
      return image.naturalWidth ? image : null;
    }

    open(image, order) {
      if (!image) return this.close();
      this.abandon();
      this.stem = order.stem || "picture";
      this.picture.src = image.src;
      this.width = this.canvas.width = image.naturalWidth;
      this.height = this.canvas.height = image.naturalHeight;
      this.lines.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.stage.style.width = `${this.width}px`;
      this.stage.style.height = `${this.height}px`;
      this.view.style.setProperty("--aspect", this.width / this.height);
      this.kept = new Uint8Array(this.width * this.height); // the mask after the last step
      this.filled = 0;
      this.done = [];
      this.undone = [];
      this.cursor = null;
      const longest = Math.max(this.width, this.height);
      this.slider.max = Math.max(8, Math.round(longest / 3));
      this.resize(Math.max(1, Math.round(longest / 25)));
      this.outline([]);
      this.fit();
      this.refresh();
      this.tell("opened");
    }

    close() {
      this.abandon();
      this.width = this.height = 0;
      this.filled = 0;
      this.done = [];
      this.undone = [];
      this.picture.removeAttribute("src");
      this.outline([]);
      this.refresh();
    }

    // What was begun on the picture before is none of the next one's.
    abandon() {
      this.stroke = this.pinch = this.pen = this.corner = this.touched = null;
      this.frame(null);
    }

    // faces: [{number, outline: [[x, y], ...] as fractions of the picture}]
    outline(faces) {
      const made = (kind, attributes) => {
        const part = document.createElementNS("http://www.w3.org/2000/svg", kind);
        for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
        return part;
      };
      this.lines.replaceChildren(
        ...faces.flatMap(({ number, outline }) => {
          const points = outline.map(([x, y]) => [x * this.width, y * this.height]);
          const text = points.map((point) => point.join(",")).join(" ");
          const high = points.reduce((a, b) => (b[1] < a[1] ? b : a));
          const below = high[1] < this.height / 16; // there is no room above
          const mark = made("text", { x: high[0], y: high[1], dy: below ? "1.1em" : "-.3em", "text-anchor": "middle" });
          mark.textContent = number;
          return [made("polygon", { points: text, class: "dark" }), made("polygon", { points: text }), mark];
        }),
      );
      this.faceBar.hidden = !faces.length;
      this.faceBar.replaceChildren(
        make("span", {}, this.say("faces")),
        ...faces.map((face) => {
          const button = make("button", { type: "button", "data-face": face.number, "aria-label": this.say("face", face) }, String(face.number));
          button.title = this.say("face", face);
          button.addEventListener("click", () => this.change(() => this.fillOutline(face.outline), "face_masked", face));
          return button;
        }),
      );
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
      const drawing = this.stroke && !this.stroke.pan && !this.stroke.box;
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
      for (const [key, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", key === tool);
      this.view.dataset.tool = tool;
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

    place() {
      const box = this.view.getBoundingClientRect();
      if (!this.width || !box.width) return;
      const [width, height] = [this.view.clientWidth, this.view.clientHeight];
      this.scale = Math.min(width / this.width, height / this.height) * this.zoom;
      const [wide, high] = [this.width * this.scale, this.height * this.scale];
      this.left = wide <= width ? (width - wide) / 2 : clamp(this.left, width - wide, 0);
      this.top = high <= height ? (height - high) / 2 : clamp(this.top, height - high, 0);
      this.stage.style.transform = `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
      this.lines.style.setProperty("--thin", 1.5 / this.scale);
      this.view.classList.toggle("zoomed", this.zoom > 1);
      this.point(this.cursor);
    }

    // Zoom so that the point (x, y) of the view, its middle without one, stays where it is.
    zoomBy(factor, x = this.view.clientWidth / 2, y = this.view.clientHeight / 2) {
      if (!this.width) return;
      const before = this.zoom;
      this.zoom = clamp(this.zoom * factor, 1, CLOSEST);
      this.left = x - ((x - this.left) * this.zoom) / before;
      this.top = y - ((y - this.top) * this.zoom) / before;
      this.place();
      this.tell("zoomed", { percent: Math.round(this.zoom * 100) });
    }

    fit() {
      this.zoom = 1;
      this.place();
    }

    // A point of the screen, within the view; and as pixels of the preview.
    within(x, y) {
      const box = this.view.getBoundingClientRect();
      return [x - box.left - this.view.clientLeft, y - box.top - this.view.clientTop];
    }

    at(x, y) {
      const [across, down] = this.within(x, y);
      return [(across - this.left) / this.scale, (down - this.top) / this.scale];
    }

    // The ring that shows the brush; null hides it.
    point(cursor) {
      this.cursor = cursor;
      this.ring.hidden = !cursor || !this.width || this.tool === "move";
      if (this.ring.hidden) return;
      const side = Math.max(this.tool === "box" ? 8 : this.size * this.scale, 3);
      this.ring.style.width = this.ring.style.height = `${side}px`;
      this.ring.style.transform = `translate(${cursor[0] * this.scale + this.left - side / 2}px, ${cursor[1] * this.scale + this.top - side / 2}px)`;
    }

    down(event) {
      if (!this.width || (event.pointerType === "mouse" && event.button > 1)) return;
      const penDown = [...this.pointers.values()].some((pointer) => pointer.pen);
      if (penDown && event.pointerType === "touch") return; // the palm
      event.preventDefault();
      this.view.focus({ preventScroll: true });
      this.view.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, pen: event.pointerType === "pen" });
      if (this.pointers.size === 2) {
        this.undraw();
        this.stroke = null;
        this.pinch = this.spread();
      } else if (this.pointers.size === 1) {
        const place = this.at(event.clientX, event.clientY);
        this.point(place);
        if (this.tool === "move" || event.button === 1) this.stroke = { pan: true };
        else if (this.tool === "box") this.stroke = { box: [place, place] };
        else {
          const erase = this.tool === "eraser" || event.button === 5; // a pen's other end
          this.stroke = { last: place, erase };
          this.draw(place, place, erase);
        }
      }
    }

    drag(event) {
      const pointer = this.pointers.get(event.pointerId);
      const place = this.width ? this.at(event.clientX, event.clientY) : null;
      if (!pointer) {
        if (event.pointerType !== "touch") this.point(place);
        return;
      }
      const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y];
      Object.assign(pointer, { x: event.clientX, y: event.clientY });
      if (this.pinch && this.pointers.size === 2) {
        const now = this.spread();
        this.left += now.x - this.pinch.x;
        this.top += now.y - this.pinch.y;
        if (this.pinch.distance > 0) this.zoomBy(now.distance / this.pinch.distance, now.x, now.y);
        this.pinch = now;
      } else if (this.stroke?.pan) {
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
      if (this.pointers.size) return; // after a pinch the other finger draws nothing
      const stroke = this.stroke;
      this.stroke = this.pinch = null;
      if (event.type === "pointercancel") this.undraw();
      else if (stroke?.box) this.send(stroke.box);
      else if (stroke && !stroke.pan) this.change(null);
      this.frame(null);
      if (event.pointerType === "touch") this.point(null);
    }

    // A stroke that was none: two fingers came down, or the system took the pointer.
    undraw() {
      if (!this.touched) return;
      this.touched = null;
      this.put(this.kept, 0, 0, this.width, this.height);
    }

    // Middle of and distance between the two fingers, in the view.
    spread() {
      const [a, b] = this.pointers.values();
      const [x, y] = this.within((a.x + b.x) / 2, (a.y + b.y) / 2);
      return { x, y, distance: Math.hypot(a.x - b.x, a.y - b.y) };
    }

    frame(corners) {
      this.lines.querySelector("rect")?.remove();
      if (!corners) return;
      const [left, top, right, bottom] = this.ordered(corners);
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      Object.entries({ x: left, y: top, width: right - left, height: bottom - top }).forEach(([key, value]) => rect.setAttribute(key, value));
      this.lines.append(rect);
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
      // Until someone works here the wheel scrolls the page.
      if (!this.width || !(event.ctrlKey || this.host.shadowRoot.activeElement)) return;
      event.preventDefault();
      const factor = Math.exp(-clamp(event.deltaY * (event.deltaMode ? 30 : 1), -120, 120) / 600);
      if (event.ctrlKey) {
        this.zoomBy(factor * factor, ...this.within(event.clientX, event.clientY));
      } else {
        const next = this.size * factor;
        this.resize(factor > 1 ? Math.max(next, this.size + 1) : Math.min(next, this.size - 1));
      }
    }

    // ---- keys

    focused() {
      if (this.width && !this.cursor && this.view.matches(":focus-visible")) this.point([this.width / 2, this.height / 2]);
    }

    key(event) {
      if (!this.width) return;
      const command = event.ctrlKey || event.metaKey;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const inView = this.host.shadowRoot.activeElement === this.view;
      let act = null;
      if (key === "[" || key === "【") act = () => this.resize(Math.min(this.size / 1.15, this.size - 1));
      else if (key === "]" || key === "】") act = () => this.resize(Math.max(this.size * 1.15, this.size + 1));
      else if (command && key === "z") act = () => this.buttons[event.shiftKey ? "redo" : "undo"].click();
      else if (command && key === "y") act = () => this.buttons.redo.click();
      else if (command || event.altKey) return;
      else if ("behf".includes(key)) act = () => this.choose({ b: "brush", e: "eraser", h: "move", f: "box" }[key]);
      else if (key === "i") act = () => this.invert();
      else if (key === "+" || key === "=") act = () => this.zoomBy(1.5);
      else if (key === "-") act = () => this.zoomBy(1 / 1.5);
      else if (key === "0") act = () => this.fit();
      else if (!inView) return;
      else if (key === "Delete" || key === "Backspace") act = () => this.clear();
      else if (key === "Enter" || key === " ") act = () => this.press(key, event.repeat);
      else if (key === "Escape") act = () => this.drop();
      else if (key.startsWith("Arrow")) act = () => this.walk(key, event.shiftKey);
      if (!act) return;
      event.preventDefault();
      act();
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

    walk(key, far) {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
      const step = (far ? 2 : 0.25) * Math.max(this.size, 4);
      if (this.tool === "move") {
        this.left -= dx * 40;
        this.top -= dy * 40;
        this.place();
        return;
      }
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

  customElements.define(
    "mask-canvas",
    class extends HTMLElement {
      connectedCallback() {
        const board = boardOf(this.getAttribute("name"));
        board.boxes = this.hasAttribute("boxes");
        board.refresh();
        this.replaceChildren(board.host);
      }
    },
  );

  customElements.define(
    "mask-order",
    class extends HTMLElement {
      connectedCallback() {
        boardOf(this.getAttribute("for")).order(Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value])));
      }
    },
  );
})
