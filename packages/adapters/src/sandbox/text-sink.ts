import { MAX_CODE_STREAM_BYTES } from "@weft/engine/code";

const NOTICE = "\n… the rest was dropped";

/** Keeps the beginning of what a program prints. */
export class TextSink {
  readonly #chunks: Uint8Array[] = [];
  readonly #max: number;
  #bytes = 0;
  #isCut = false;

  constructor(max = MAX_CODE_STREAM_BYTES) {
    this.#max = max;
  }

  write(chunk: Uint8Array): void {
    const room = this.#max - this.#bytes;
    if (chunk.length > room) this.#isCut = true;
    if (room <= 0) return;
    // The caller may use its buffer again.
    const kept = chunk.slice(0, room);
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  }

  text(): string {
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    const text = new TextDecoder().decode(whole);
    return this.#isCut ? text + NOTICE : text;
  }
}
