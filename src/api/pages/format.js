// Times, lengths and kinds as people read them.

import { language, t, word } from "./i18n.js";

const two = (number) => String(number).padStart(2, "0");

/** Seconds as 1:05 or 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Seconds with a decimal, as 12.3 s. */
export function seconds(value, digits = 1) {
  return t("unit.seconds", { n: number(value || 0, digits) });
}

/** A stretch, as 0:12.5–0:23.9. */
export function stretch(from, to) {
  const place = (at) => `${clock(at)}.${Math.floor((at % 1) * 10)}`;
  return `${place(from)}–${to === null || to === undefined ? "" : place(to)}`;
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

/** A moment of the calendar. */
export function moment(text) {
  const time = new Date(text);
  if (!text || Number.isNaN(time.getTime())) return "";
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "medium" }).format(time);
}

/** A moment of today's. */
export function hour(text) {
  const time = new Date(text);
  if (!text || Number.isNaN(time.getTime())) return "";
  return new Intl.DateTimeFormat(language(), { timeStyle: "medium" }).format(time);
}

/** The longest unit that fits: 2.5 MB. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log10(count) / 3) : 0);
  return `${number(count / 1000 ** power, power ? 1 : 0)} ${units[power]}`;
}

export const kind = (name) => (name ? word("kind", name) : t("kind.hidden"));
export const leg = (name) => word("leg", name);
