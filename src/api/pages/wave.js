// The waveform of a recording, read by ranges: each piece becomes a few bytes of loudness and is forgotten.

const PIECE = 1 << 20;
/** Longer recordings are played without a waveform. */
export const MOST = 60 << 20;

/** Reads peaks of a recording; `each(from, [leg 0's, leg 1's])` is told of those that were read, 0 to 100. */
export async function readPeaks(address, { channels, rate, bytes, step = 0.1, signal, each }) {
  const header = 44;
  const frame = channels * 2;
  const frames = Math.round(rate * step);
  const piece = Math.floor(PIECE / (frame * frames)) * frame * frames;
  for (let at = header; at < bytes && bytes <= MOST; at += piece) {
    const range = `bytes=${at}-${Math.min(at + piece, bytes) - 1}`;
    const response = await fetch(address, { headers: { Range: range }, credentials: "same-origin", signal, cache: "no-store" });
    if (response.status !== 206) return;
    const buffer = await response.arrayBuffer();
    const samples = new Int16Array(buffer, 0, Math.floor(buffer.byteLength / 2));
    each((at - header) / frame / rate, peaks(samples, channels, frames));
  }
}

function peaks(samples, channels, frames) {
  const count = Math.ceil(samples.length / channels / frames);
  const found = Array.from({ length: channels }, () => new Uint8Array(count));
  for (let at = 0; at < samples.length; at += 1) {
    const place = Math.floor(at / channels / frames);
    const loud = loudness(Math.abs(samples[at]) / 32_768);
    const leg = found[at % channels];
    if (loud > leg[place]) leg[place] = loud;
  }
  return found;
}

/** Amplitude as it is drawn: quiet speech is seen too. */
export function loudness(amplitude) {
  return Math.min(100, Math.round(Math.sqrt(amplitude) * 100));
}
