// Plays blocks of a call in the audio thread: keeps a little in store, fills gaps with silence, drops what is too much,
// and tells what is being played. One input rate: the context's.

/** Kept in store before playing begins, in seconds. */
const STORE = 0.15;
/** More than this has come at once, or the sender's clock is faster: what is older is dropped. */
const MOST = 0.45;
/** Longer gaps are not waited for. */
const LONGEST_GAP = 1.0;

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.blocks = [];
    this.stored = 0;
    this.at = 0;
    this.next = null;
    this.playing = false;
    this.gains = [1, 1];
    this.sums = [0, 0];
    this.counted = 0;
    this.played = null;
    this.flags = 0;
    this.lost = 0;
    this.dropped = 0;
    this.port.onmessage = ({ data }) => {
      if (data.gains) this.gains = data.gains;
      else this.take(data);
    };
  }

  take({ index, channels, flags }) {
    const length = channels[0].length;
    if (this.next !== null && index < this.next) return;
    if (this.next !== null && index > this.next) {
      const gap = Math.min(index - this.next, Math.round(LONGEST_GAP * sampleRate));
      this.lost += index - this.next;
      this.blocks.push({ index: index - gap, flags: 0, channels: channels.map(() => new Float32Array(gap)) });
      this.stored += gap;
    }
    this.next = index + length;
    this.blocks.push({ index, flags, channels });
    this.stored += length;
    while (this.stored > MOST * sampleRate && this.blocks.length > 1) {
      const gone = this.blocks.shift();
      this.stored -= gone.channels[0].length - this.at;
      this.dropped += gone.channels[0].length - this.at;
      this.at = 0;
    }
  }

  process(_, [output]) {
    const length = output[0].length;
    if (!this.playing && this.stored >= STORE * sampleRate) this.playing = true;
    for (let sample = 0; sample < length; sample += 1) {
      const block = this.playing ? this.blocks[0] : undefined;
      if (!block) {
        this.playing = false;
        break;
      }
      const count = block.channels.length;
      for (let channel = 0; channel < output.length; channel += 1) {
        const leg = Math.min(channel, count - 1);
        output[channel][sample] = block.channels[leg][this.at] * this.gains[leg];
      }
      block.channels.forEach((values, leg) => { this.sums[leg] += (values[this.at] * this.gains[leg]) ** 2; });
      this.played = block.index + this.at;
      this.flags |= block.flags;
      this.at += 1;
      this.stored -= 1;
      if (this.at === block.channels[0].length) {
        this.blocks.shift();
        this.at = 0;
      }
    }
    this.counted += length;
    if (this.counted >= sampleRate / 10) this.tell();
    return true;
  }

  tell() {
    const levels = this.sums.map((sum) => Math.sqrt(sum / this.counted));
    this.port.postMessage({
      played: this.played, levels, flags: this.flags, stored: this.stored / sampleRate, playing: this.playing,
      lost: this.lost / sampleRate, dropped: this.dropped / sampleRate,
    });
    this.sums = [0, 0];
    this.counted = 0;
    this.flags = 0;
  }
}

registerProcessor("hushgate-listener", Listener);
