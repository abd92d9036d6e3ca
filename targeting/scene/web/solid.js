// The 3D scene of a report.  A picture stands in the page; a click starts vtk.js (packed in the page) in its place.
// Drags, keys and buttons move one camera that turns about the head's axis, so the vertex stays up; everything that is
// words (letters of the sides, names, buttons, colour bar) is HTML over or beside the canvas.
"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const stage = find("solid-stage"), live = find("solid-live"), start = find("solid-start");
  const tools = find("solid-tools"), words = find("solid-words"), seen = find("solid-seen"), compass = find("solid-compass");
  const bar = find("solid-scale");
  const facts = JSON.parse(find("solid-facts").textContent);
  const STEP = 10, TURN_PER_PIXEL = 0.45, NEARER = 1.2;
  const NEAREST = 50, FARTHEST = 1150; // mm from the camera, which stands 600 mm before what it looks at
  const DEPTH_UNITS = 1 / 0.000016; // what vtk.js calls the whole depth of a picture
  const ENDS = facts.ends; // letters of the world's axes and their directions
  const SIDES = { R: "the right", L: "the left", A: "the front", P: "behind", S: "above", I: "below" };
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const bytesOf = (id) => Uint8Array.from(atob(find(id).textContent.trim()), (c) => c.charCodeAt(0));
  let view = { ...facts.views[0] }, scene = null, waiting = false;

  // azimuth 0: from behind, 90: from the right, 180: from the front; elevation 90: from above, nose up
  function axes() {
    const a = view.azimuth * Math.PI / 180, e = view.elevation * Math.PI / 180;
    return {
      toward: [Math.cos(e) * Math.sin(a), -Math.cos(e) * Math.cos(a), Math.sin(e)],
      right: [Math.cos(a), Math.sin(a), 0],
      up: [-Math.sin(e) * Math.sin(a), Math.sin(e) * Math.cos(a), Math.cos(e)],
    };
  }

  function strength(at, toward) { // what is drawn over everything is pale when the head is before it
    return dot(at.map((x, i) => x - facts.middle[i]), toward) < -facts.behind ? facts.pale : 1;
  }

  function halfHeight() { // what the view must hold fits whether the stage is wide or tall
    return Math.max(view.along, view.across * stage.clientHeight / stage.clientWidth) / view.nearer;
  }

  function draw() {
    waiting = false;
    const { toward, right, up } = axes(), camera = scene.renderer.getActiveCamera(), c = view.center;
    camera.setFocalPoint(...c);
    camera.setPosition(...c.map((x, i) => x + 600 * toward[i]));
    camera.setViewUp(...up);
    camera.setParallelScale(halfHeight());
    camera.setClippingRange(NEAREST, FARTHEST);
    for (const each of facts.ahead)
      if (each.mark) scene.actors[each.actor].getProperty().setOpacity(each.opacity * strength(each.at, toward));
    scene.window.render();
    drawWords(toward, right, up);
    drawCompass(toward, right, up);
    drawScale();
    const strong = Object.keys(ENDS).filter((end) => dot(ENDS[end], toward) > 0.35);
    const from = "Seen from " + strong.map((end) => SIDES[end]).join(" and ") + ".";
    if (seen.textContent !== from) seen.textContent = from; // said once, not at every frame
    for (const button of tools.querySelectorAll("[data-view]")) {
      const named = facts.views.find((each) => each.name === button.dataset.view);
      const there = ["azimuth", "elevation"].every((key) => Math.abs(named[key] - view[key]) < 0.5);
      button.setAttribute("aria-pressed", String(there && named.center === view.center));
    }
  }

  function drawSoon() {
    if (scene && !waiting) { waiting = true; requestAnimationFrame(draw); }
  }

  function drawWords(toward, right, up) { // names stand at their places; behind the head they fade
    const scale = stage.clientHeight / 2 / halfHeight();
    facts.labels.forEach((label, k) => {
      const away = label.at.map((x, i) => x - view.center[i]), span = words.children[k];
      const x = stage.clientWidth / 2 + scale * dot(away, right), y = stage.clientHeight / 2 - scale * dot(away, up);
      const on = label.layer === null || facts.layers[label.layer].on;
      const hidden = !on || x < 0 || y < 0 || x > stage.clientWidth || y > stage.clientHeight;
      span.hidden = hidden;
      span.style.left = x + "px";
      span.style.top = y - scale * label.lift + "px";
      span.style.opacity = strength(label.at, toward);
    });
  }

  function drawCompass(toward, right, up) { // left and right first, near before far; none in the middle
    const ends = Object.keys(ENDS), side = (end) => "RL".includes(end);
    ends.sort((a, b) => side(b) - side(a) || dot(ENDS[b], toward) - dot(ENDS[a], toward));
    const taken = [];
    for (const end of ends) {
      const x = dot(ENDS[end], right), y = -dot(ENDS[end], up);
      const free = Math.hypot(x, y) >= facts.compass.least
        && taken.every((at) => Math.hypot(at[0] - x, at[1] - y) >= facts.compass.apart);
      if (free) taken.push([x, y]);
      const part = (kind) => compass.querySelector("[data-" + kind + "='" + end + "']");
      const text = part("end"), line = part("line");
      text.style.visibility = line.style.visibility = free ? "visible" : "hidden";
      text.setAttribute("x", 50 + 37 * x);
      text.setAttribute("y", 50 + 37 * y);
      line.setAttribute("x2", 50 + 26 * x);
      line.setAttribute("y2", 50 + 26 * y);
    }
  }

  function drawScale() { // the picture is orthographic: what the bar says holds at every depth
    const pixels = stage.clientHeight / 2 / halfHeight(); // a millimetre's
    const mm = facts.bars.filter((each) => each * pixels <= facts.longest * stage.clientWidth).pop() ?? facts.bars[0];
    bar.style.width = mm * pixels + "px";
    bar.firstElementChild.textContent = mm >= 10 ? mm / 10 + " cm" : mm + " mm";
  }

  function turn(across, along) {
    view.azimuth = (view.azimuth - across + 540) % 360 - 180;
    view.elevation = clamp(view.elevation + along, -90, 90);
    drawSoon();
  }

  function zoom(factor) {
    view.nearer = clamp(view.nearer * factor, 0.5, 8);
    drawSoon();
  }

  function look(name) {
    view = { ...facts.views.find((each) => each.name === name) };
    drawSoon();
  }

  function show(button) {
    const layer = facts.layers[button.dataset.layer];
    layer.on = !layer.on;
    button.setAttribute("aria-pressed", String(layer.on));
    for (const k of layer.actors) scene.actors[k].setVisibility(layer.on);
    drawSoon();
  }

  function colour(button) { // the cortex by another quantity, or by none
    const data = scene.actors[facts.coloured].getMapper().getInputData(), points = data.getPointData();
    points.setScalars(points.getArrayByName(button.dataset.field));
    data.modified();
    for (const each of tools.querySelectorAll("[data-field]")) each.setAttribute("aria-pressed", String(each === button));
    for (const each of document.querySelectorAll("[data-bar]")) each.hidden = each.dataset.bar !== button.dataset.field;
    drawSoon();
  }

  function listen() {
    const fingers = new Map();
    let held = view;
    const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
    live.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      if (!fingers.size) held = { ...view };
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      live.setPointerCapture(event.pointerId);
    });
    live.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) return;
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 2) zoom(spread() / Math.max(before, 1));
      else turn(TURN_PER_PIXEL * (event.clientX - last[0]), TURN_PER_PIXEL * (event.clientY - last[1]));
    });
    for (const done of ["pointerup", "lostpointercapture"])
      live.addEventListener(done, (event) => fingers.delete(event.pointerId));
    live.addEventListener("pointercancel", (event) => { // the browser took the finger to scroll: it was no turn
      if (fingers.delete(event.pointerId)) { view = held; drawSoon(); }
    });
    live.addEventListener("wheel", (event) => { // a plain wheel scrolls the page; with Ctrl, or two fingers on a pad, it zooms
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300));
    }, { passive: false });
    const keys = {
      ArrowLeft: () => turn(-STEP, 0), ArrowRight: () => turn(STEP, 0),
      ArrowUp: () => turn(0, -STEP), ArrowDown: () => turn(0, STEP),
      "+": () => zoom(NEARER), "=": () => zoom(NEARER), "-": () => zoom(1 / NEARER), Home: () => look(facts.views[0].name),
    };
    live.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.view) look(button.dataset.view);
      else if (button.dataset.layer) show(button);
      else if (button.dataset.field) colour(button);
      else zoom(button.dataset.zoom === "nearer" ? NEARER : 1 / NEARER);
    });
    new ResizeObserver(() => { scene.fit(); drawSoon(); }).observe(stage);
  }

  async function unpacked(id) {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function loaded() { // vtk.js builds the scene piece by piece; it is there when every layer has its triangles
    const renderers = window.global.renderWindow?.getRenderers() ?? [];
    const renderer = renderers.find((each) => each.getActors().length === facts.surfaces);
    const full = renderer?.getActors().every((actor) => actor.getMapper()?.getInputData()?.getNumberOfCells() > 0);
    return full ? renderer : null;
  }

  function waitFor(check, seconds) {
    const end = performance.now() + 1000 * seconds;
    return new Promise((resolve, reject) => {
      const again = () => {
        const found = check();
        if (found) resolve(found);
        else if (performance.now() > end) reject(new Error("the scene did not load"));
        else setTimeout(again, 30);
      };
      again();
    });
  }

  async function begin() {
    start.disabled = true;
    stage.dataset.state = "loading";
    seen.textContent = "Loading the scene…";
    try {
      if (!document.createElement("canvas").getContext("webgl2")) throw new Error("this browser has no WebGL 2");
      if (!("DecompressionStream" in window)) throw new Error("this browser is too old");
      live.hidden = false;
      window.global = window.global || {};
      const script = document.createElement("script"), ours = new Set(document.head.children).add(script);
      window.loadDataSet = () => {
        for (const theirs of [...document.head.children])
          if (!ours.has(theirs)) theirs.remove(); // the viewer's own style would take the page's scrolling away
        window.OfflineLocalView.load(live, { base64Str: find("solid-scene").textContent.trim() });
      };
      script.type = "module";
      script.textContent = await unpacked("solid-viewer");
      document.head.append(script);
      const renderer = await waitFor(loaded, 60);
      const renderWindow = window.global.renderWindow, interactor = renderWindow.getInteractor();
      interactor.unbindEvents(); // its wheel and touch would hold the page
      for (const part of live.querySelectorAll("*")) {
        part.style.touchAction = "pan-y"; // one finger up or down scrolls the page, sideways turns the head
        part.removeAttribute("tabindex");
      }
      const surface = renderWindow.getViews()[0];
      scene = { window: renderWindow, renderer, actors: renderer.getActors(), fit: () => {
        const sharp = Math.min(window.devicePixelRatio || 1, 2);
        surface.setSize(Math.max(1, Math.round(stage.clientWidth * sharp)), Math.max(1, Math.round(stage.clientHeight * sharp)));
      } };
      const canvas = live.querySelector("canvas");
      canvas.setAttribute("aria-hidden", "true"); // what holds it has the name
      canvas.addEventListener("webglcontextlost", () => end("the graphics driver stopped; reload the page"));
      for (const each of facts.ahead) { // so much nearer than it lies, or over everything, or under it
        const mapper = scene.actors[each.actor].getMapper();
        const depth = clamp(each.mm / (FARTHEST - NEAREST), -1.02, 1.02);
        mapper.setResolveCoincidentTopologyToPolygonOffset();
        mapper.setRelativeCoincidentTopologyPolygonOffsetParameters(0, -DEPTH_UNITS * depth);
      }
      for (const layer of facts.layers) for (const k of layer.actors) scene.actors[k].setVisibility(layer.on);
      start.hidden = true;
      tools.hidden = words.hidden = bar.hidden = false;
      compass.removeAttribute("hidden");
      listen();
      scene.fit();
      draw();
      stage.dataset.state = "ready";
      live.focus({ preventScroll: true });
    } catch (error) {
      end(error.message);
    }
  }

  function end(why) { // back to the picture
    stage.dataset.state = "picture";
    live.hidden = tools.hidden = words.hidden = bar.hidden = start.hidden = true;
    compass.setAttribute("hidden", "");
    seen.textContent = "The scene cannot be turned here: " + why + ".";
  }

  function write(label) {
    const span = document.createElement("span");
    span.textContent = label.text;
    span.style.color = label.ink;
    words.append(span);
    return span;
  }

  // A place that another part of the page names (page.js) gets a word in the scene, which turns to it.
  let mark = null, marked = null;
  document.addEventListener("mark-place", (event) => {
    if (!mark) {
      mark = { text: "", at: [0, 0, 0], lift: 0, ink: "#8a1c52", layer: null };
      marked = write(mark);
      facts.labels.push(mark);
    }
    mark.at = event.detail.at;
    mark.text = marked.textContent = "● " + event.detail.text;
    const [x, y, z] = mark.at.map((value, i) => value - facts.middle[i]);
    const azimuth = Math.atan2(x, -y) * 180 / Math.PI, elevation = Math.atan2(z, Math.hypot(x, y)) * 180 / Math.PI;
    view = { ...view, azimuth, elevation, center: facts.views[0].center };
    find("solid-stage").scrollIntoView({ block: "center" });
    if (scene) drawSoon();
    else if (!start.disabled) begin();
  });

  facts.labels.forEach(write);
  start.hidden = !find("solid-viewer").textContent.trim();
  start.addEventListener("click", begin);
})();
