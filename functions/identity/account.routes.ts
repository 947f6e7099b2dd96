import * as Account from "@weft/core/identity/account.service";
import { CreateApiKey, ApiKey as Key, NewApiKey } from "@weft/core/identity/api-key.schema";
import * as ApiKey from "@weft/core/identity/api-key.service";
import * as Registration from "@weft/core/identity/registration.service";
import * as Session from "@weft/core/identity/session.service";
import {
  ChangePassword,
  CheckMail,
  Email,
  LoggedIn,
  Login,
  Me,
  Register,
  ResetPassword,
  Session as SessionView,
  Token,
  UpdateMe,
  User as UserView,
} from "@weft/core/identity/user.schema";
import * as User from "@weft/core/identity/user.service";
import { route } from "@weft/http/route";
import * as z from "zod";
import { deps } from "./deps.ts";

const auth = { method: "POST", tags: ["auth"], permission: "public" } as const;
const account = { tags: ["account"] } as const;

/** Signing up, in and out, and what a person does with the own account. */
export const accountRoutes = [
  route(
    {
      ...auth,
      path: "/api/auth/register",
      operationId: "register",
      summary: "Sign up",
      description: "The answer is the same whether or not the address has an account; a mail says.",
      body: Register,
      response: CheckMail,
      status: 202,
    },
    ({ ctx, body }) => Registration.register(ctx, deps, body),
  ),
  route(
    {
      ...auth,
      path: "/api/auth/verify-email",
      operationId: "verifyEmail",
      summary: "Confirm an e-mail address with the code from the mail",
      body: z.strictObject({ token: Token }).meta({ id: "VerifyEmail" }),
      response: z.object({ email: z.string() }).meta({ id: "VerifiedEmail" }),
    },
    ({ ctx, body }) => Account.verifyEmail(ctx, deps, body.token),
  ),
  route(
    {
      ...auth,
      path: "/api/auth/login",
      operationId: "logIn",
      summary: "Log in with an e-mail address or user name and a password",
      body: Login,
      response: LoggedIn,
      errors: ["unauthenticated"],
    },
    ({ ctx, body }) => Account.logIn(ctx, body),
  ),
  route(
    {
      ...auth,
      path: "/api/auth/forgot-password",
      operationId: "forgotPassword",
      summary: "Ask for a mail with a code to set a new password",
      body: z.strictObject({ email: Email }).meta({ id: "ForgotPassword" }),
      response: CheckMail,
      status: 202,
    },
    ({ ctx, body }) => Account.forgotPassword(ctx, deps, body.email),
  ),
  route(
    {
      ...auth,
      path: "/api/auth/reset-password",
      operationId: "resetPassword",
      summary: "Set a new password with the code from the mail; every session ends",
      body: ResetPassword,
      response: null,
    },
    ({ ctx, body }) => Account.resetPassword(ctx, deps, body).then(() => undefined),
  ),
  route(
    {
      ...auth,
      path: "/api/auth/logout",
      operationId: "logOut",
      summary: "End this session",
      permission: "authenticated",
      response: null,
    },
    ({ ctx }) => Session.logOut(ctx).then(() => undefined),
  ),
  route(
    {
      ...account,
      method: "GET",
      path: "/api/me",
      operationId: "getMe",
      summary: "Who I am, and what my platform roles grant",
      permission: "account:read",
      response: Me,
    },
    ({ ctx }) => User.me(ctx),
  ),
  route(
    {
      ...account,
      method: "PATCH",
      path: "/api/me",
      operationId: "updateMe",
      summary: "Change my names, or whether a login ends my other sessions",
      permission: "account:write",
      body: UpdateMe,
      response: UserView,
    },
    ({ ctx, body }) => User.updateMe(ctx, body),
  ),
  route(
    {
      ...account,
      method: "POST",
      path: "/api/me/verify-email",
      operationId: "resendVerification",
      summary: "Send another code to confirm my address",
      permission: "account:write",
      response: CheckMail,
      status: 202,
    },
    ({ ctx }) => Account.resendVerification(ctx, deps),
  ),
  route(
    {
      ...account,
      method: "POST",
      path: "/api/me/password",
      operationId: "changePassword",
      summary: "Change my password; my other sessions end",
      permission: "account:write",
      body: ChangePassword,
      response: null,
    },
    ({ ctx, body }) => Account.changePassword(ctx, deps, body).then(() => undefined),
  ),
  route(
    {
      ...account,
      method: "GET",
      path: "/api/me/sessions",
      operationId: "listSessions",
      summary: "Where I am logged in",
      permission: "account:read",
      response: z.object({ items: z.array(SessionView) }),
    },
    ({ ctx }) => Session.list(ctx),
  ),
  route(
    {
      ...account,
      method: "DELETE",
      path: "/api/me/sessions",
      operationId: "removeSessions",
      summary: "End my sessions",
      permission: "account:write",
      query: { keepCurrent: z.stringbool().default(false) },
      response: null,
    },
    ({ ctx, query }) => Session.removeAll(ctx, query).then(() => undefined),
  ),
  route(
    {
      ...account,
      method: "DELETE",
      path: "/api/me/sessions/{sessionId}",
      operationId: "removeSession",
      summary: "End one of my sessions",
      permission: "account:write",
      response: null,
    },
    ({ ctx, params }) => Session.remove(ctx, params.sessionId).then(() => undefined),
  ),
  route(
    {
      ...account,
      method: "GET",
      path: "/api/me/api-keys",
      operationId: "listApiKeys",
      summary: "My API keys",
      permission: "account:read",
      response: z.object({ items: z.array(Key) }),
    },
    ({ ctx }) => ApiKey.list(ctx),
  ),
  route(
    {
      ...account,
      method: "POST",
      path: "/api/me/api-keys",
      operationId: "createApiKey",
      summary: "Make an API key; it is shown this once",
      permission: "account:write",
      body: CreateApiKey,
      response: NewApiKey,
      status: 201,
    },
    ({ ctx, body }) => ApiKey.create(ctx, body),
  ),
  route(
    {
      ...account,
      method: "DELETE",
      path: "/api/me/api-keys/{apiKeyId}",
      operationId: "revokeApiKey",
      summary: "Revoke one of my API keys",
      permission: "account:write",
      response: null,
    },
    ({ ctx, params }) => ApiKey.revoke(ctx, params.apiKeyId).then(() => undefined),
  ),
];
