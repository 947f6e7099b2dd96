import { ListOperationLogs, OperationLog } from "@weft/core/audit/audit.schema";
import { listSpaceOperations } from "@weft/core/audit/audit.service";
import * as Invitation from "@weft/core/identity/invitation.service";
import {
  AcceptInvitation,
  CreateInvitation,
  CreateSpace,
  Invitation as InvitationView,
  Member,
  MyInvitation,
  Space as SpaceView,
  TransferSpace,
  UpdateMember,
  UpdateSpace,
} from "@weft/core/identity/space.schema";
import * as Space from "@weft/core/identity/space.service";
import { route } from "@weft/http/route";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { deps } from "./deps.ts";

const logs = { tags: ["logs"] } as const;
const spaces = { tags: ["spaces"] } as const;
const members = { tags: ["members"] } as const;
const invitations = { tags: ["invitations"] } as const;
const Joined = z.object({ spaceId: idSchema("space") }).meta({ id: "Joined" });

/** Spaces, their members and who is invited. */
export const spaceRoutes = [
  route(
    {
      ...spaces,
      method: "GET",
      path: "/api/spaces",
      operationId: "listSpaces",
      summary: "The spaces I am in",
      permission: "space:list",
      query: pageQuery,
      response: pageOf(SpaceView),
    },
    ({ ctx, query }) => Space.list(ctx, query),
  ),
  route(
    {
      ...spaces,
      method: "POST",
      path: "/api/spaces",
      operationId: "createSpace",
      summary: "Make a team space",
      permission: "space:create",
      body: CreateSpace,
      response: SpaceView,
      status: 201,
      idempotent: true,
    },
    ({ ctx, body }) => Space.create(ctx, body),
  ),
  route(
    {
      ...spaces,
      method: "GET",
      path: "/api/spaces/{spaceId}",
      operationId: "getSpace",
      summary: "A space",
      permission: "space:read",
      response: SpaceView,
    },
    ({ ctx }) => Space.get(ctx),
  ),
  route(
    {
      ...spaces,
      method: "PATCH",
      path: "/api/spaces/{spaceId}",
      operationId: "updateSpace",
      summary: "Rename or describe a space",
      permission: "space:write",
      body: UpdateSpace,
      response: SpaceView,
    },
    ({ ctx, body }) => Space.update(ctx, body),
  ),
  route(
    {
      ...spaces,
      method: "DELETE",
      path: "/api/spaces/{spaceId}",
      operationId: "removeSpace",
      summary: "Delete a team space; it can be restored",
      permission: "space:delete",
      response: null,
    },
    ({ ctx }) => Space.remove(ctx).then(() => undefined),
  ),
  route(
    {
      ...spaces,
      method: "POST",
      path: "/api/spaces/{spaceId}/restore",
      operationId: "restoreSpace",
      summary: "Bring a deleted space back",
      permission: "space:restore",
      response: SpaceView,
    },
    ({ ctx }) => Space.restore(ctx),
  ),
  route(
    {
      ...spaces,
      method: "POST",
      path: "/api/spaces/{spaceId}/transfer",
      operationId: "transferSpace",
      summary: "Make another member the owner",
      permission: "space:transfer",
      body: TransferSpace,
      response: SpaceView,
    },
    ({ ctx, body }) => Space.transfer(ctx, body.userId),
  ),
  route(
    {
      ...spaces,
      method: "POST",
      path: "/api/spaces/{spaceId}/leave",
      operationId: "leaveSpace",
      summary: "Leave a space",
      permission: "space:leave",
      response: null,
    },
    ({ ctx }) => Space.leave(ctx).then(() => undefined),
  ),
  route(
    {
      ...members,
      method: "GET",
      path: "/api/spaces/{spaceId}/members",
      operationId: "listMembers",
      summary: "Who is in a space",
      permission: "member:read",
      query: pageQuery,
      response: pageOf(Member),
    },
    ({ ctx, query }) => Space.listMembers(ctx, query),
  ),
  route(
    {
      ...members,
      method: "PATCH",
      path: "/api/spaces/{spaceId}/members/{userId}",
      operationId: "updateMember",
      summary: "Change a member's role",
      permission: "member:write",
      body: UpdateMember,
      response: Member,
    },
    ({ ctx, params, body }) => Space.setMemberRole(ctx, params.userId, body.role),
  ),
  route(
    {
      ...members,
      method: "DELETE",
      path: "/api/spaces/{spaceId}/members/{userId}",
      operationId: "removeMember",
      summary: "Remove a member",
      permission: "member:write",
      response: null,
    },
    ({ ctx, params }) => Space.removeMember(ctx, params.userId).then(() => undefined),
  ),
  route(
    {
      ...invitations,
      method: "GET",
      path: "/api/spaces/{spaceId}/invitations",
      operationId: "listInvitations",
      summary: "Who is invited into a space",
      permission: "invitation:read",
      query: pageQuery,
      response: pageOf(InvitationView),
    },
    ({ ctx, query }) => Invitation.list(ctx, query),
  ),
  route(
    {
      ...invitations,
      method: "POST",
      path: "/api/spaces/{spaceId}/invitations",
      operationId: "createInvitation",
      summary: "Invite someone by mail",
      permission: "invitation:write",
      body: CreateInvitation,
      response: InvitationView,
      status: 201,
      idempotent: true,
    },
    ({ ctx, body }) => Invitation.create(ctx, deps, body),
  ),
  route(
    {
      ...invitations,
      method: "DELETE",
      path: "/api/spaces/{spaceId}/invitations/{invitationId}",
      operationId: "removeInvitation",
      summary: "Take an invitation back",
      permission: "invitation:write",
      response: null,
    },
    ({ ctx, params }) => Invitation.remove(ctx, params.invitationId).then(() => undefined),
  ),
  route(
    {
      ...invitations,
      method: "GET",
      path: "/api/invitations",
      operationId: "listMyInvitations",
      summary: "Where I am invited, once my address is confirmed",
      permission: "account:read",
      response: z.object({ items: z.array(MyInvitation) }),
    },
    ({ ctx }) => Invitation.listMine(ctx),
  ),
  route(
    {
      ...invitations,
      method: "POST",
      path: "/api/invitations/accept",
      operationId: "acceptInvitation",
      summary: "Accept an invitation with the code from the mail",
      permission: "invitation:accept",
      body: AcceptInvitation,
      response: Joined,
    },
    ({ ctx, body }) => Invitation.accept(ctx, body.token),
  ),
  route(
    {
      ...invitations,
      method: "POST",
      path: "/api/invitations/{invitationId}/accept",
      operationId: "acceptMyInvitation",
      summary: "Accept one of my invitations",
      permission: "invitation:accept",
      response: Joined,
    },
    ({ ctx, params }) => Invitation.acceptMine(ctx, params.invitationId),
  ),
  route(
    {
      ...invitations,
      method: "POST",
      path: "/api/invitations/{invitationId}/decline",
      operationId: "declineMyInvitation",
      summary: "Decline one of my invitations",
      permission: "invitation:accept",
      response: null,
    },
    ({ ctx, params }) => Invitation.declineMine(ctx, params.invitationId).then(() => undefined),
  ),
  route(
    {
      ...logs,
      method: "GET",
      path: "/api/spaces/{spaceId}/operation-logs",
      operationId: "listSpaceOperationLogs",
      summary: "Who changed what in the space, newest first",
      description: "Days are in UTC; without them the list covers the last seven.",
      permission: "log:read",
      query: ListOperationLogs.shape,
      response: pageOf(OperationLog),
      errors: ["invalid_cursor"],
    },
    ({ ctx, query }) => listSpaceOperations(ctx, ctx.spaceId, query),
  ),
];
