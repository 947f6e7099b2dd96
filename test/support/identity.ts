import type { APIGatewayAuthorizerResult, APIGatewayProxyEvent, StreamifyHandler } from "aws-lambda";
import { handler as authorizer } from "../../functions/identity/authorizer.ts";
import { handler as identity } from "../../functions/identity/index.ts";
import { type CallRequest, type CallResponse, callApi } from "./call.ts";
import { type SentMail, startMail } from "./mail.ts";
import { startTable } from "./table.ts";

export const PASSWORD = "correct horse battery";

export interface Person {
  id: string;
  email: string;
  token: string;
  /** The personal space. */
  spaceId: string;
}

export type Call = Omit<CallRequest, "authorizer"> & { handler?: StreamifyHandler<APIGatewayProxyEvent, void> };

export interface World {
  mails: SentMail[];
  /** Calls an API as API Gateway would: the authorizer first where there is a token. */
  as(token: string | undefined, request: Call): Promise<CallResponse>;
  signUp(name?: string): Promise<Person>;
  logIn(email: string, password?: string): Promise<CallResponse>;
  /** The token of the last mail to this address. */
  mailToken(email: string): string;
  /** Makes a platform administrator: the address that the environment names. */
  signUpAdmin(): Promise<Person>;
  close(): Promise<void>;
}

export const ADMIN_EMAIL = "root@example.com";

/** What the authorizer says of a token. */
export async function authorize(token: string): Promise<APIGatewayAuthorizerResult> {
  return authorizer({
    type: "TOKEN",
    methodArn: "arn:aws:execute-api:us-east-1:123456789012:abcdef/prod/GET/api/me",
    authorizationToken: `Bearer ${token}`,
  });
}

let people = 0;

/** Identity's real functions over a table and a mail server of this test file alone. */
export async function startIdentity(): Promise<World> {
  const [table, mail] = await Promise.all([startTable(), startMail()]);
  const as = async (token: string | undefined, { handler = identity, ...request }: Call): Promise<CallResponse> => {
    if (token === undefined) return callApi(handler, request);
    const { context } = await authorize(token);
    return callApi(handler, { ...request, authorizer: context as Record<string, string> });
  };
  const post = (path: string, body: unknown, ip: string) => as(undefined, { method: "POST", path, body, ip });
  const logIn = (email: string, password = PASSWORD) => post("/api/auth/login", { email, password }, "192.0.2.9");
  const signUp = async (
    name = `person${++people}`,
    address = `${name.normalize("NFKD").replace(/[^\w.-]/g, "")}@example.com`,
  ): Promise<Person> => {
    const email = address;
    await post("/api/auth/register", { email, password: PASSWORD, userName: name }, `198.51.100.${people % 250}`);
    const { json } = await logIn(email);
    return { id: json.user.id, email, token: json.token, spaceId: json.user.personalSpaceId };
  };
  const mailToken = (email: string): string => {
    const last = mail.sent.filter(({ to }) => to === email).at(-1);
    return /\b(?:mt|iv)_\S+/.exec(last?.text ?? "")?.[0] ?? "";
  };
  return {
    mails: mail.sent,
    as,
    logIn,
    signUp: (name) => signUp(name),
    mailToken,
    signUpAdmin: async () => {
      const admin = await signUp("root", ADMIN_EMAIL);
      await post("/api/auth/verify-email", { token: mailToken(ADMIN_EMAIL) }, "192.0.2.3");
      return admin;
    },
    close: async () => {
      await Promise.all([table.close(), mail.close()]);
    },
  };
}
