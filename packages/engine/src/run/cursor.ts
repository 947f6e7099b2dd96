import type { CompositePlace, NodeRun } from "../node.ts";
import { driven, masked, type RunIo } from "./io.ts";

/** Milliseconds between two stored positions of one composite at least (architecture §3). */
const INTERVAL_MS = 1_000;
/** A position that takes long to store is stored less often: this many times what the last one took lie between. */
const REST_FACTOR = 20;

/**
 * The one timer of a composite's positions. A large position, such as that of a batch over thousands of items, never
 * takes more than a twentieth of the composite's time. What the journal keeps of turns that a stored position holds is
 * forgotten, so that memory does not grow with the turns.
 */
export function cursorKeeper(io: RunIo, path: string): NodeRun["saveCursor"] {
  let nextAt = io.now() + INTERVAL_MS;
  let saving: Promise<void> | undefined;
  const store = (place: () => CompositePlace, turn: number): void | Promise<void> => {
    const begunAt = io.now();
    const { state, turns } = place();
    io.emit({ type: "progress", path, ...turns });
    const done = (): void => {
      io.journal.forget(path, turn);
      const endedAt = io.now();
      nextAt = endedAt + Math.max(INTERVAL_MS, (endedAt - begunAt) * REST_FACTOR);
    };
    const saved = io.journal.saveCursor(path, masked(io, state), turns);
    // A journal in memory keeps at once, and turns without effects must not give up the thread.
    if (!(saved instanceof Promise)) return done();
    saving = driven(() => saved)
      .then(done)
      .finally(() => {
        saving = undefined;
      });
    return saving;
  };
  return (place, turn, force) => {
    if (!force && (saving || io.now() < nextAt)) return;
    // The last position is the one that counts: an earlier one that is on its way must not replace it.
    return saving ? saving.then(() => store(place, turn)) : store(place, turn);
  };
}
