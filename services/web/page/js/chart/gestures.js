/* Gestures on a chart: zoom by wheel and pinch, drag, crosshair, and keys. They call the methods of `View` below. */

/**
 * @typedef {object} View
 * @property {(factor: number, x: number) => void} zoom around a position in CSS pixels
 * @property {(pixels: number) => void} pan to the right, in CSS pixels
 * @property {() => void} toEnd follow the newest data
 * @property {(place: {x: number, y: number}|null) => void} point crosshair; null for none
 * @property {() => number} width of the plot in CSS pixels
 */

const ZOOM_A_STEP = 1.2;
const PAN_A_KEY = 40;

/**
 * Handle the gestures on a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {View} view
 */
export function listen(canvas, view) {
  const pointers = new Map();
  canvas.addEventListener("wheel", (event) => onWheel(event, view), { passive: false });
  canvas.addEventListener("keydown", (event) => onKey(event, view));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.offsetX);
  });
  canvas.addEventListener("pointermove", (event) => onMove(event, pointers, view));
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener("pointerleave", () => view.point(null));
}

function onWheel(event, view) {
  event.preventDefault();
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) view.pan(-event.deltaX);
  else view.zoom(event.deltaY > 0 ? ZOOM_A_STEP : 1 / ZOOM_A_STEP, event.offsetX);
}

function onMove(event, pointers, view) {
  const before = pointers.get(event.pointerId);
  view.point(pointers.size > 1 ? null : { x: event.offsetX, y: event.offsetY });
  if (before === undefined) return;
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  pointers.set(event.pointerId, event.offsetX);
  if (other === undefined) {
    view.pan(event.offsetX - before);
    return;
  }
  const apart = Math.abs(event.offsetX - other);
  if (apart > 10) view.zoom(Math.abs(before - other) / apart, (event.offsetX + other) / 2);
}

function onKey(event, view) {
  const middle = view.width() / 2;
  const actions = {
    ArrowLeft: () => view.pan(PAN_A_KEY),
    ArrowRight: () => view.pan(-PAN_A_KEY),
    PageUp: () => view.pan(view.width()),
    PageDown: () => view.pan(-view.width()),
    "+": () => view.zoom(1 / ZOOM_A_STEP, middle),
    "=": () => view.zoom(1 / ZOOM_A_STEP, middle),
    "-": () => view.zoom(ZOOM_A_STEP, middle),
    End: () => view.toEnd(),
  };
  const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
