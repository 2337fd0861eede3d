// Simple drawings of figures, each with a table that says the same.

import { el, svg, table } from "./dom.js";

/** Bars over time. `points` are `[word, value]`. */
export function bars(title, unit, points, write) {
  const [wide, high, low] = [640, 150, 22];
  const most = Math.max(...points.map(([, value]) => value), 0) || 1;
  const step = wide / Math.max(1, points.length);
  const every = Math.ceil(points.length / 8);
  const shapes = points.map(([name, value], at) => {
    const height = (value / most) * (high - 14);
    return [
      svg("rect", { class: "bar", x: at * step + 1, y: high - height, width: Math.max(1, step - 2), height: Math.max(value > 0 ? 1 : 0, height), rx: 2 },
        svg("title", {}, `${name}: ${write(value)}`)),
      at % every === 0 ? svg("text", { x: at * step + 2, y: high + 15 }, name) : null,
    ];
  });
  return figure(title, unit, points, write, svg(
    "svg", { viewBox: `0 0 ${wide} ${high + low}`, role: "img", "aria-label": title, class: "chart" },
    svg("line", { x1: 0, x2: wide, y1: high + 0.5, y2: high + 0.5 }), svg("text", { x: 2, y: 11 }, write(most)), shapes.flat(),
  ));
}

/** Lying bars, the longest first. */
export function shares(title, unit, points, write) {
  const sorted = [...points].sort((a, b) => b[1] - a[1]).slice(0, 12);
  const most = Math.max(...sorted.map(([, value]) => value), 0) || 1;
  const [wide, row, left] = [640, 26, 200];
  const shapes = sorted.map(([name, value], at) => [
    svg("text", { x: 0, y: at * row + 17 }, name),
    svg("rect", { class: "bar", x: left, y: at * row + 4, width: Math.max(1, (value / most) * (wide - left - 90)), height: row - 9, rx: 2 }),
    svg("text", { x: left + Math.max(1, (value / most) * (wide - left - 90)) + 6, y: at * row + 17 }, write(value)),
  ]);
  return figure(title, unit, sorted, write, svg(
    "svg", { viewBox: `0 0 ${wide} ${Math.max(1, sorted.length) * row}`, role: "img", "aria-label": title, class: "chart" }, shapes.flat(),
  ));
}

function figure(title, unit, points, write, drawing) {
  return el(
    "figure", {}, el("figcaption", {}, title), drawing,
    el("details", {}, el("summary", {}, unit), table(title, ["", unit], points.map(([name, value]) => [name, write(value)]))),
  );
}
