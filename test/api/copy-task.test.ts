import { copyables } from "@weft/core/copy/copy.kinds";
import { MAX_COPIED } from "@weft/core/copy/copy.schema";
import { sweep } from "@weft/core/copy/copy.work";
import { clearAccess } from "@weft/core/identity/access";
import { MemberEntity } from "@weft/core/identity/space.entity";
import { type Clock, systemClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { copyWorld, list, make, publish, type CopySpace as Space, targetOf } from "../support/copies.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, type Person } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let ann: Person;
const { copies, copyTo, newSpace } = copyWorld(handler, () => ann);

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  ann = await makePerson();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await table.close();
  await files.close();
});

/** The job as it finds things this much later. */
const later = (ms: number) => {
  const clock: Clock = { now: () => systemClock.now() + ms };
  return sweep(systemCtx("continue-copies", { clock }), clock.now() + 60_000);
};

describe("a task", () => {
  const chain = async (space: Space, length: number) => {
    const ids = [await make(space)];
    while (ids.length < length) ids.push(await make(space, callingCanvas({ workflowId: ids.at(-1) as string })));
    for (const id of ids) await publish(space, id);
    return ids;
  };

  it("goes on after a crash in any of its steps, and makes nothing twice", async () => {
    for (const mode of ["copy", "move"]) {
      for (const crash of ["before", "after"]) {
        const [there, here] = [await newSpace(), await newSpace()];
        const ids = await chain(there, 3);
        const real = { copy: copyables.workflow.copy, remove: copyables.workflow.remove };
        let calls = 0;
        const dying = async (work: () => Promise<void>) => {
          calls += 1;
          const dies = calls % 2 === 1;
          if (dies && crash === "before") throw new Error("the process died");
          await work();
          if (dies) throw new Error("the process died");
        };
        vi.spyOn(copyables.workflow, "copy").mockImplementation((step) => dying(() => real.copy(step)));
        vi.spyOn(copyables.workflow, "remove").mockImplementation((ctx, id) => dying(() => real.remove(ctx, id)));
        const began = await copyTo(here, there, ids, { mode });
        expect([began.status, began.json.status, began.json.error]).toEqual([202, "running", null]);
        let task = began.json;
        for (let tick = 1; task.endedAt === null && tick < 12; tick++) {
          await later(tick * 120_000);
          task = (await copies(here.id, "GET", `/${task.id}`)).json;
        }
        expect([mode, crash, task.status]).toEqual([mode, crash, "succeeded"]);
        const items = await list(here);
        expect(items.map(({ id }: { id: string }) => id).sort()).toEqual(ids.map((id) => targetOf(task, id)).sort());
        expect(
          items.map(({ createdBy, currentVersion }: Record<string, string>) => [createdBy, currentVersion]),
        ).toEqual(Array(3).fill([ann.userId, "v1.0.0"]));
        expect(await list(there)).toHaveLength(mode === "move" ? 0 : 3);
        vi.restoreAllMocks();
      }
    }
  });

  it("goes on where its process vanished, which finds it done when it comes back", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const ids = await chain(there, 2);
    const real = copyables.workflow.copy;
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let reached = () => {};
    const isAsleep = new Promise<void>((resolve) => {
      reached = resolve;
    });
    vi.spyOn(copyables.workflow, "copy").mockImplementationOnce(async (step) => {
      reached();
      await asleep;
      await real(step);
    });
    const vanished = copyTo(here, there, ids);
    await isAsleep;
    expect(await later(30_000)).toEqual({ looked: 0 });
    expect(await later(120_000)).toEqual({ looked: 1 });
    const [task] = (await copies(here.id, "GET")).json.items;
    expect(task.status).toBe("succeeded");
    wake();
    expect((await vanished).json).toEqual(task);
    expect(await list(here)).toHaveLength(2);
  });

  it("is given up when the same step goes wrong again and again, saying nothing of the inside", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const id = await make(there);
    vi.spyOn(copyables.workflow, "copy").mockRejectedValue(new Error("secret host unreachable"));
    const { json } = await copyTo(here, there, [id]);
    for (let tick = 1; tick < 8; tick++) await later(tick * 120_000);
    const failed = await copies(here.id, "GET", `/${json.id}`);
    expect(failed.json).toMatchObject({
      status: "failed",
      error: { code: "internal", message: "the copy failed again and again" },
    });
    expect(failed.text).not.toContain("secret host");
    vi.restoreAllMocks();
    expect((await copies(here.id, "POST", `/${json.id}/retry`)).json.status).toBe("succeeded");
    expect((await copies(here.id, "POST", `/${json.id}/retry`)).json.error.code).toBe("conflict");
    expect(await list(here)).toHaveLength(1);
  });

  it("is given up when the same step takes its process down again and again", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const id = await make(there);
    vi.spyOn(copyables.workflow, "copy").mockImplementation(() => new Promise(() => {}));
    void copyTo(here, there, [id]);
    const read = async () => (await copies(here.id, "GET")).json.items[0];
    for (let task = await read(); task?.status !== "running"; ) task = await read();
    for (let tick = 1; tick < 5; tick++) {
      void later(tick * 200_000);
      const before = (await read()).revision;
      while ((await read()).revision === before) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await later(1_000_000);
    expect(await read()).toMatchObject({ status: "failed", error: { code: "internal" } });
    expect(await list(here)).toEqual([]);
  });

  it("can be cancelled between two steps, keeps what is copied and goes on when asked to", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const ids = await chain(there, 3);
    const real = copyables.workflow.copy;
    let steps = 0;
    vi.spyOn(copyables.workflow, "copy").mockImplementation(async (step) => {
      await real(step);
      steps += 1;
      if (steps !== 2) return;
      const [running] = (await copies(here.id, "GET")).json.items;
      expect(running).toMatchObject({ status: "running", progress: { total: 3, completed: 1, percent: 33 } });
      expect((await copies(here.id, "POST", `/${running.id}/cancel`)).json.status).toBe("cancelled");
    });
    const { json: task } = await copyTo(here, there, ids.slice(-1));
    expect([task.status, steps, (await list(here)).length]).toEqual(["cancelled", 2, 2]);
    expect(await later(600_000)).toEqual({ looked: 0 });
    expect((await copies(here.id, "POST", `/${task.id}/cancel`)).json.error.code).toBe("conflict");
    vi.restoreAllMocks();
    expect((await copies(here.id, "POST", `/${task.id}/retry`)).json.status).toBe("succeeded");
    expect(await list(here)).toHaveLength(3);
  });

  it("goes on with the rights that its person still has", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const id = await make(there);
    vi.spyOn(copyables.workflow, "copy").mockRejectedValueOnce(new AppError("unavailable", "busy"));
    const { json } = await copyTo(here, there, [id]);
    expect(json.status).toBe("running");
    await MemberEntity.delete({ spaceId: there.id, userId: ann.userId }).go();
    clearAccess();
    await later(120_000);
    const failed = (await copies(here.id, "GET", `/${json.id}`)).json;
    expect(failed).toMatchObject({ status: "failed", error: { code: "not_found" } });
    expect(await list(here)).toEqual([]);
  });

  it("takes so many objects and no more", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const wide = async (count: number) => {
      const ids: string[] = [];
      for (let n = 0; n < count; n++) ids.push(await make(there));
      return make(there, callingCanvas(...ids.map((workflowId) => ({ workflowId }))));
    };
    const [a, b, c] = [await wide(40), await wide(40), await wide(MAX_COPIED - 82)];
    expect((await copyTo(here, there, [a, b, c])).json.error.code).toBe("too_large");
    const many = Array.from({ length: 41 }, () => newId("workflow"));
    expect((await copyTo(here, there, many)).json.error.code).toBe("invalid_input");
    expect((await copies(here.id, "GET")).json.items).toEqual([]);
  });
});
