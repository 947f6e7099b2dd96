import { existsSync } from "node:fs";
import type { Route } from "@weft/http/route";
import { ID_PREFIX, type IdKind } from "@weft/kernel/ids";
import type { APIGatewayProxyEvent, StreamifyHandler } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { functions } from "../../functions/manifest.ts";
import { ADMIN_EMAIL, type Person, startIdentity, type World } from "../support/identity.ts";

interface Served extends Route {
  serve: StreamifyHandler<APIGatewayProxyEvent, void>;
}

const root = new URL("../../", import.meta.url);

/** Every route with the real handler of its function. */
async function served(): Promise<Served[]> {
  const specs = functions.filter((spec) => spec.kind === "api" && existsSync(new URL(spec.entry, root)));
  const lists = await Promise.all(
    specs.map(async (spec) => {
      const { handler } = (await import(new URL(spec.entry, root).href)) as { handler: Served["serve"] };
      const file = new URL(spec.entry.replace(/index\.ts$/, "routes.ts"), root);
      const { routes } = (await import(file.href)) as { routes: readonly Route[] };
      return routes.map((route) => ({ ...route, serve: handler }));
    }),
  );
  return lists.flat();
}

const guarded = (await served()).filter((route) => route.permission !== "public");
/** Well-formed values of path parameters that are no ids. */
const SAMPLES: Record<string, string> = { version: "v1.0.0" };
const inSpace = guarded.filter((route) => route.paramNames.includes("spaceId"));

/** A path whose ids are well formed; of what exists, only what `known` says. */
function pathOf(route: Route, known: Record<string, string>, malformed?: string): string {
  return route.path.replace(/\{([^}]+)\}/g, (_match, name: string) => {
    if (name === malformed) return "rubbish!";
    const kind = name.slice(0, -2) as IdKind;
    return (
      known[name] ??
      SAMPLES[name] ??
      (Object.hasOwn(ID_PREFIX, kind) ? `${ID_PREFIX[kind]}_01jd0000000000000000000000` : "unknown")
    );
  });
}

let world: World;
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  vi.stubEnv("WEFT_ADMIN_EMAIL", ADMIN_EMAIL);
  world = await startIdentity();
  // An administrator, so that no route is refused before it looks at its ids.
  owner = await world.signUpAdmin();
  stranger = await world.signUp("routestranger");
});
afterAll(() => world.close());

const call = (route: Served, path: string, token?: string) =>
  world.as(token, { method: route.method, path, handler: route.serve, ...(route.body ? { body: {} } : {}) });

describe("security", () => {
  it("has routes to look at", () => {
    expect(guarded.length).toBeGreaterThan(30);
  });

  it.each(guarded.map((route) => [route.operationId, route] as const))(
    "%s answers 401 to nobody",
    async (_id, route) => {
      const answer = await call(route, pathOf(route, { spaceId: owner.spaceId }));
      expect([answer.status, answer.json.error.code]).toEqual([401, "unauthenticated"]);
      const rubbish = await call(route, pathOf(route, { spaceId: owner.spaceId }), "ss_rubbish");
      expect(rubbish.status).toBe(401);
    },
  );

  it.each(inSpace.map((route) => [route.operationId, route] as const))(
    "%s answers 404 to a stranger, whatever the body",
    async (_id, route) => {
      const answer = await call(route, pathOf(route, { spaceId: owner.spaceId }), stranger.token);
      expect([answer.status, answer.json.error.code]).toEqual([404, "not_found"]);
    },
  );

  const withIds = guarded.flatMap((route) =>
    route.paramNames.filter((name) => name.endsWith("Id")).map((name) => [route.operationId, name, route] as const),
  );
  it.each(withIds)("%s names %s where it is malformed", async (_id, name, route) => {
    const answer = await call(route, pathOf(route, { spaceId: owner.spaceId }, name), owner.token);
    expect([answer.status, answer.json.error.details.issues[0].path]).toEqual([400, name]);
  });
});
