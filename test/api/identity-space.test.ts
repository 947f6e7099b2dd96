import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Person, startIdentity, type World } from "../support/identity.ts";

let world: World;
let owner: Person;
let admin: Person;
let member: Person;
let stranger: Person;
let spaceId: string;

const call = (who: Person | undefined, method: string, path: string, body?: unknown) =>
  world.as(who?.token, { method, path, ...(body === undefined ? {} : { body }) });

async function join(space: string, person: Person, role: "admin" | "member"): Promise<void> {
  await call(owner, "POST", `/api/spaces/${space}/invitations`, { email: person.email, role });
  const answer = await call(person, "POST", "/api/invitations/accept", { token: world.mailToken(person.email) });
  expect(answer.json).toEqual({ spaceId: space });
}

async function newSpace(name: string): Promise<string> {
  return (await call(owner, "POST", "/api/spaces", { name })).json.id;
}

beforeAll(async () => {
  world = await startIdentity();
  owner = await world.signUp("owner");
  admin = await world.signUp("spaceadmin");
  member = await world.signUp("member");
  stranger = await world.signUp("stranger");
  spaceId = await newSpace("Team");
  await join(spaceId, admin, "admin");
  await join(spaceId, member, "member");
});
afterAll(() => world.close());

describe("happy", () => {
  it("shows a space and its members to its members", async () => {
    expect((await call(member, "GET", `/api/spaces/${spaceId}`)).json).toMatchObject({ name: "Team", role: "member" });
    const { items } = (await call(member, "GET", `/api/spaces/${spaceId}/members`)).json;
    const roles = Object.fromEntries(
      items.map((item: { userName: string; role: string }) => [item.userName, item.role]),
    );
    expect(roles).toEqual({ owner: "owner", spaceadmin: "admin", member: "member" });
  });

  it("renames by revision", async () => {
    const space = (await call(owner, "GET", `/api/spaces/${spaceId}`)).json;
    const body = { name: "Renamed", expectedRevision: space.revision };
    const renamed = await call(admin, "PATCH", `/api/spaces/${spaceId}`, body);
    expect(renamed.json).toMatchObject({ name: "Renamed", revision: space.revision + 1, role: "admin" });
    expect((await call(admin, "PATCH", `/api/spaces/${spaceId}`, body)).status).toBe(409);
  });

  it("lists, declines and accepts invitations of a confirmed address", async () => {
    const guest = await world.signUp("guest");
    await world.as(undefined, {
      method: "POST",
      path: "/api/auth/verify-email",
      body: { token: world.mailToken(guest.email) },
    });
    const invite = () => call(owner, "POST", `/api/spaces/${spaceId}/invitations`, { email: "Guest@Example.com" });
    const first = (await invite()).json;
    expect((await call(guest, "GET", "/api/invitations")).json.items).toMatchObject([{ id: first.id, role: "member" }]);
    expect((await call(guest, "POST", `/api/invitations/${first.id}/decline`)).status).toBe(204);
    const second = (await invite()).json;
    expect((await call(owner, "GET", `/api/spaces/${spaceId}/invitations`)).json.items).toHaveLength(1);
    expect((await call(guest, "POST", `/api/invitations/${second.id}/accept`)).json).toEqual({ spaceId });
    expect((await call(guest, "GET", `/api/spaces/${spaceId}`)).json.role).toBe("member");
    expect((await call(guest, "POST", `/api/spaces/${spaceId}/leave`)).status).toBe(204);
    expect((await call(guest, "GET", `/api/spaces/${spaceId}`)).status).toBe(404);
  });

  it("transfers: the new owner owns, the old one administers", async () => {
    const space = await newSpace("Moving");
    await join(space, member, "member");
    const moved = await call(owner, "POST", `/api/spaces/${space}/transfer`, { userId: member.id });
    expect(moved.json).toMatchObject({ ownerId: member.id, role: "admin" });
    expect((await call(member, "GET", `/api/spaces/${space}`)).json.role).toBe("owner");
    expect((await call(owner, "DELETE", `/api/spaces/${space}`)).status).toBe(403);
  });

  it("deletes and restores", async () => {
    const space = await newSpace("Gone");
    await join(space, member, "member");
    expect((await call(owner, "DELETE", `/api/spaces/${space}`)).status).toBe(204);
    expect((await call(owner, "GET", `/api/spaces/${space}`)).status).toBe(404);
    expect((await call(member, "GET", `/api/spaces/${space}`)).status).toBe(404);
    const listed = (await call(owner, "GET", "/api/spaces")).json.items.map((item: { id: string }) => item.id);
    expect(listed).not.toContain(space);
    expect((await call(member, "POST", `/api/spaces/${space}/restore`)).status).toBe(403);
    expect((await call(stranger, "POST", `/api/spaces/${space}/restore`)).status).toBe(404);
    expect((await call(owner, "POST", `/api/spaces/${space}/restore`)).json.name).toBe("Gone");
    expect((await call(member, "GET", `/api/spaces/${space}`)).status).toBe(200);
    expect((await call(owner, "POST", `/api/spaces/${space}/restore`)).status).toBe(409);
  });

  it("gives a repeated call with one key the first answer", async () => {
    const request = {
      method: "POST",
      path: "/api/spaces",
      headers: { "Idempotency-Key": "once" },
      body: { name: "Once" },
    };
    const [first, second] = [await world.as(owner.token, request), await world.as(owner.token, request)];
    expect(second.json.id).toBe(first.json.id);
    expect((await world.as(owner.token, { ...request, body: { name: "Twice" } })).status).toBe(409);
    expect((await world.as(stranger.token, request)).json.id).not.toBe(first.json.id);
  });

  it("pages through the spaces of a person", async () => {
    const person = await world.signUp();
    for (const name of ["a", "b", "c"]) await call(person, "POST", "/api/spaces", { name });
    const first = (await call(person, "GET", "/api/spaces?limit=3")).json;
    const second = (await call(person, "GET", `/api/spaces?limit=3&cursor=${first.nextCursor}`)).json;
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([3, 1, null]);
    expect((await call(owner, "GET", `/api/spaces?limit=3&cursor=${first.nextCursor}`)).json.error.code).toBe(
      "invalid_cursor",
    );
  });
});

describe("error", () => {
  it("keeps the owner in and personal spaces personal", async () => {
    const path = `/api/spaces/${spaceId}`;
    expect((await call(owner, "POST", `${path}/leave`)).status).toBe(409);
    expect((await call(admin, "DELETE", `${path}/members/${owner.id}`)).status).toBe(409);
    expect((await call(owner, "PATCH", `${path}/members/${owner.id}`, { role: "member" })).status).toBe(409);
    expect((await call(owner, "POST", `${path}/transfer`, { userId: owner.id })).status).toBe(409);
    const outsider = await call(owner, "POST", `${path}/transfer`, { userId: stranger.id });
    expect(outsider.json.error.details.issues[0].path).toBe("userId");
    const personal = `/api/spaces/${owner.spaceId}`;
    expect((await call(owner, "DELETE", personal)).status).toBe(409);
    expect((await call(owner, "POST", `${personal}/invitations`, { email: "x@example.com" })).status).toBe(409);
    expect((await call(owner, "POST", `${personal}/transfer`, { userId: member.id })).status).toBe(409);
  });

  it("names what is not there", async () => {
    expect((await call(owner, "DELETE", `/api/spaces/${spaceId}/members/${stranger.id}`)).status).toBe(404);
    const none = "inv_01jd0000000000000000000000";
    expect((await call(owner, "DELETE", `/api/spaces/${spaceId}/invitations/${none}`)).status).toBe(404);
    expect((await call(owner, "POST", `/api/invitations/${none}/accept`)).status).toBe(404);
  });

  it("takes an invitation once, and not after it was taken back", async () => {
    const guest = await world.signUp();
    const invitation = (await call(owner, "POST", `/api/spaces/${spaceId}/invitations`, { email: guest.email })).json;
    const token = world.mailToken(guest.email);
    await call(owner, "DELETE", `/api/spaces/${spaceId}/invitations/${invitation.id}`);
    expect((await call(guest, "POST", "/api/invitations/accept", { token })).status).toBe(400);
    await call(owner, "POST", `/api/spaces/${spaceId}/invitations`, { email: guest.email });
    const good = world.mailToken(guest.email);
    const both = await Promise.all([
      call(guest, "POST", "/api/invitations/accept", { token: good }),
      call(guest, "POST", "/api/invitations/accept", { token: good }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});

describe("security", () => {
  it("is not there for strangers, whatever they ask", async () => {
    const asks: [string, string, unknown?][] = [
      ["GET", ""],
      ["PATCH", "", { name: "x" }],
      ["DELETE", ""],
      ["POST", "/restore"],
      ["POST", "/transfer", { userId: stranger.id }],
      ["POST", "/leave"],
      ["GET", "/members"],
      ["PATCH", `/members/${member.id}`, { role: "admin" }],
      ["DELETE", `/members/${member.id}`],
      ["GET", "/invitations"],
      ["POST", "/invitations", { email: "x@example.com" }],
      ["DELETE", "/invitations/inv_01jd0000000000000000000000"],
    ];
    for (const [method, path, body] of asks) {
      const answer = await call(stranger, method, `/api/spaces/${spaceId}${path}`, body);
      expect([method, path, answer.status, answer.json.error.message]).toEqual([method, path, 404, "space not found"]);
    }
  });

  it("keeps members from what administrators do, and administrators from making each other", async () => {
    const path = `/api/spaces/${spaceId}`;
    expect((await call(member, "PATCH", path, { name: "x" })).status).toBe(403);
    expect((await call(member, "POST", `${path}/invitations`, { email: "x@example.com" })).status).toBe(403);
    expect((await call(member, "DELETE", `${path}/members/${admin.id}`)).status).toBe(403);
    expect((await call(admin, "DELETE", path)).status).toBe(403);
    expect((await call(admin, "PATCH", `${path}/members/${member.id}`, { role: "admin" })).status).toBe(403);
    expect((await call(admin, "POST", `${path}/invitations`, { email: "x@example.com", role: "admin" })).status).toBe(
      403,
    );
    expect((await call(owner, "PATCH", `${path}/members/${member.id}`, { role: "admin" })).json.role).toBe("admin");
    expect((await call(admin, "DELETE", `${path}/members/${member.id}`)).status).toBe(403);
    expect((await call(owner, "PATCH", `${path}/members/${member.id}`, { role: "member" })).json.role).toBe("member");
  });

  it("shuts a removed member out at once", async () => {
    const guest = await world.signUp();
    await join(spaceId, guest, "member");
    expect((await call(guest, "GET", `/api/spaces/${spaceId}`)).status).toBe(200);
    await call(admin, "DELETE", `/api/spaces/${spaceId}/members/${guest.id}`);
    expect((await call(guest, "GET", `/api/spaces/${spaceId}`)).status).toBe(404);
  });

  it("gives an invitation to the address it was sent to alone", async () => {
    const invited = await world.signUp();
    await call(owner, "POST", `/api/spaces/${spaceId}/invitations`, { email: invited.email });
    const token = world.mailToken(invited.email);
    expect((await call(stranger, "POST", "/api/invitations/accept", { token })).status).toBe(400);
    expect((await call(invited, "POST", "/api/invitations/accept", { token })).status).toBe(200);
  });

  it("does not show invitations to an address that was not confirmed", async () => {
    const squatter = await world.signUp();
    await call(owner, "POST", `/api/spaces/${spaceId}/invitations`, { email: squatter.email });
    expect((await call(squatter, "GET", "/api/invitations")).json.items).toEqual([]);
  });
});
