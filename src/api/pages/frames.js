// One animation frame for the whole page: who has something to paint asks for it, and all paint together.

const wanting = new Set();
let asked = 0;

function paint(now) {
  asked = 0;
  const painters = [...wanting];
  wanting.clear();
  for (const painter of painters) painter(now);
}

/** Has a painter called in the next frame, once. */
export function want(painter) {
  wanting.add(painter);
  asked ||= requestAnimationFrame(paint);
}

/** Takes back what was asked for. */
export function unwant(painter) {
  wanting.delete(painter);
}

/** Calls a painter each frame until the returned function is called. */
export function everyFrame(painter) {
  let going = true;
  const again = (now) => {
    if (!going) return;
    painter(now);
    want(again);
  };
  want(again);
  return () => {
    going = false;
    unwant(again);
  };
}

/** Whether somebody asked for less motion. */
export const lessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
