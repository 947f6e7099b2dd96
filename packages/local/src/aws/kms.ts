import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writePrivate } from "./private-file.ts";
import {
  AWS_JSON,
  AwsError,
  type AwsRequest,
  type AwsService,
  answerJson,
  type Json,
  parseBody,
  textOf,
} from "./wire.ts";

/** KMS's limit on what Encrypt takes, and on a data key or random bytes. */
const MAX_PLAINTEXT_BYTES = 4096;
const MAX_RANDOM_BYTES = 1024;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const UUID_BYTES = 36;
const DATA_KEY_BYTES: Record<string, number> = { AES_256: 32, AES_128: 16 };

interface Key {
  id: string;
  description: string;
  createdAt: number;
  isRotated: boolean;
  /** Base64; the last one encrypts, all of them decrypt. */
  material: string[];
}

interface State {
  keys: Record<string, Key>;
  /** Without the `alias/` in front. */
  aliases: Record<string, string>;
}

export interface KmsOptions {
  /** The file of the master keys, readable by its owner alone; without it they are in memory. */
  file?: string | undefined;
  account: { accountId: string; region: string };
}

/** KMS's symmetric keys. */
export class Kms implements AwsService {
  readonly #options: KmsOptions;
  readonly #state: State;
  readonly #operations: Record<string, (input: Json) => Json>;

  constructor(options: KmsOptions) {
    this.#options = options;
    const isStored = options.file !== undefined && existsSync(options.file);
    this.#state = isStored ? JSON.parse(readFileSync(options.file as string, "utf8")) : { keys: {}, aliases: {} };
    this.#operations = {
      CreateKey: (input) => ({ KeyMetadata: this.#metadata(this.#create(String(input.Description ?? ""))) }),
      CreateAlias: (input) => this.#createAlias(input),
      DescribeKey: (input) => ({ KeyMetadata: this.#metadata(this.#find(textOf(input, "KeyId"))) }),
      Encrypt: (input) => this.#encryptInput(input),
      Decrypt: (input) => this.#decryptInput(input),
      ReEncrypt: (input) => this.#reEncrypt(input),
      GenerateDataKey: (input) => this.#generateDataKey(input),
      GenerateDataKeyWithoutPlaintext: (input) => {
        const { Plaintext: _hidden, ...rest } = this.#generateDataKey(input);
        return rest;
      },
      GenerateRandom: (input) => ({ Plaintext: randomBytes(bytesOf(input, MAX_RANDOM_BYTES)).toString("base64") }),
      EnableKeyRotation: (input) => this.#setRotation(input, true),
      DisableKeyRotation: (input) => this.#setRotation(input, false),
      GetKeyRotationStatus: (input) => ({ KeyRotationEnabled: this.#find(textOf(input, "KeyId")).isRotated }),
      RotateKeyOnDemand: (input) => this.#rotate(input),
    };
  }

  /** The key under an alias, made when it is not there; its ARN is what a template's GetAtt gives. */
  ensureKey(alias: string, description = ""): { keyId: string; keyArn: string } {
    const id = this.#state.aliases[alias] ?? this.#create(description).id;
    if (this.#state.aliases[alias] === undefined) {
      this.#state.aliases[alias] = id;
      this.#save();
    }
    return { keyId: id, keyArn: this.#arn(id) };
  }

  async handle({ target, body }: AwsRequest) {
    const [service, name = ""] = (target ?? "").split(".");
    if (service !== "TrentService") return;
    return answerJson(() => {
      const operation = Object.hasOwn(this.#operations, name) ? this.#operations[name] : undefined;
      if (!operation) throw new AwsError("UnsupportedOperationException", `${name} is not part of the local KMS`);
      return operation(parseBody(body));
    }, AWS_JSON);
  }

  #arn(id: string): string {
    const { region, accountId } = this.#options.account;
    return `arn:aws:kms:${region}:${accountId}:key/${id}`;
  }

  #save(): void {
    if (this.#options.file !== undefined) writePrivate(this.#options.file, JSON.stringify(this.#state));
  }

  #create(description: string): Key {
    const key: Key = {
      id: randomUUID(),
      description,
      createdAt: Date.now(),
      isRotated: false,
      material: [newMaterial()],
    };
    this.#state.keys[key.id] = key;
    this.#save();
    return key;
  }

  /** By id, ARN, `alias/name` or the alias's ARN. */
  #find(name: string): Key {
    const local = name.replace(/^arn:[^:]*:kms:[^:]*:[^:]*:/, "").replace(/^key\//, "");
    const id = local.startsWith("alias/") ? this.#state.aliases[local.slice("alias/".length)] : local;
    const key = id !== undefined && Object.hasOwn(this.#state.keys, id) ? this.#state.keys[id] : undefined;
    if (key) return key;
    throw new AwsError("NotFoundException", `Key '${name}' does not exist`);
  }

  #metadata(key: Key): Json {
    return {
      AWSAccountId: this.#options.account.accountId,
      KeyId: key.id,
      Arn: this.#arn(key.id),
      CreationDate: key.createdAt / 1000,
      Enabled: true,
      Description: key.description,
      KeyUsage: "ENCRYPT_DECRYPT",
      KeyState: "Enabled",
      KeySpec: "SYMMETRIC_DEFAULT",
      Origin: "AWS_KMS",
      KeyManager: "CUSTOMER",
    };
  }

  #createAlias(input: Json): Json {
    const alias = textOf(input, "AliasName").replace(/^alias\//, "");
    const { id } = this.#find(textOf(input, "TargetKeyId"));
    if (this.#state.aliases[alias] !== undefined) {
      throw new AwsError("AlreadyExistsException", `An alias with the name alias/${alias} already exists`);
    }
    this.#state.aliases[alias] = id;
    this.#save();
    return {};
  }

  #encryptInput(input: Json): Json {
    const key = this.#find(textOf(input, "KeyId"));
    const plaintext = Buffer.from(textOf(input, "Plaintext"), "base64");
    if (plaintext.length > MAX_PLAINTEXT_BYTES) {
      throw new AwsError(
        "ValidationException",
        `Plaintext must have length less than or equal to ${MAX_PLAINTEXT_BYTES}`,
      );
    }
    return { CiphertextBlob: seal(key, plaintext, contextOf(input.EncryptionContext)), KeyId: this.#arn(key.id) };
  }

  #decryptInput(input: Json): Json {
    const { key, plaintext } = this.#open(textOf(input, "CiphertextBlob"), contextOf(input.EncryptionContext));
    if (typeof input.KeyId === "string" && this.#find(input.KeyId) !== key) {
      throw new AwsError("IncorrectKeyException", "The key is not the one that encrypted the ciphertext");
    }
    return { Plaintext: plaintext.toString("base64"), KeyId: this.#arn(key.id) };
  }

  #reEncrypt(input: Json): Json {
    const { key, plaintext } = this.#open(textOf(input, "CiphertextBlob"), contextOf(input.SourceEncryptionContext));
    const next = this.#find(textOf(input, "DestinationKeyId"));
    const CiphertextBlob = seal(next, plaintext, contextOf(input.DestinationEncryptionContext));
    return { CiphertextBlob, SourceKeyId: this.#arn(key.id), KeyId: this.#arn(next.id) };
  }

  #generateDataKey(input: Json): Json {
    const key = this.#find(textOf(input, "KeyId"));
    const bySpec = DATA_KEY_BYTES[String(input.KeySpec)];
    const plaintext = randomBytes(bySpec ?? bytesOf(input, MAX_RANDOM_BYTES));
    const CiphertextBlob = seal(key, plaintext, contextOf(input.EncryptionContext));
    return { CiphertextBlob, Plaintext: plaintext.toString("base64"), KeyId: this.#arn(key.id) };
  }

  #setRotation(input: Json, isRotated: boolean): Json {
    this.#find(textOf(input, "KeyId")).isRotated = isRotated;
    this.#save();
    return {};
  }

  #rotate(input: Json): Json {
    const key = this.#find(textOf(input, "KeyId"));
    key.material.push(newMaterial());
    this.#save();
    return { KeyId: this.#arn(key.id) };
  }

  #open(blob: string, context: Buffer): { key: Key; plaintext: Buffer } {
    const bytes = Buffer.from(blob, "base64");
    const key = this.#state.keys[bytes.subarray(0, UUID_BYTES).toString("latin1")];
    const sealed = bytes.subarray(UUID_BYTES + 2);
    if (!key || sealed.length < IV_BYTES + TAG_BYTES) throw invalidCiphertext();
    const material = key.material[bytes.readUInt16BE(UUID_BYTES)];
    if (material === undefined) throw invalidCiphertext();
    const cipher = createDecipheriv("aes-256-gcm", Buffer.from(material, "base64"), sealed.subarray(0, IV_BYTES));
    cipher.setAAD(context).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    try {
      return { key, plaintext: Buffer.concat([cipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), cipher.final()]) };
    } catch {
      throw invalidCiphertext();
    }
  }
}

function newMaterial(): string {
  return randomBytes(32).toString("base64");
}

function invalidCiphertext(): AwsError {
  return new AwsError("InvalidCiphertextException", "The ciphertext or its encryption context is not the right one");
}

/** The blob names its key and the generation of it, so that what was sealed before a rotation opens after it. */
function seal(key: Key, plaintext: Buffer, context: Buffer): string {
  const generation = key.material.length - 1;
  const head = Buffer.alloc(UUID_BYTES + 2);
  head.write(key.id, "latin1");
  head.writeUInt16BE(generation, UUID_BYTES);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(key.material[generation] as string, "base64"), iv);
  const sealed = [cipher.setAAD(context).update(plaintext), cipher.final()];
  return Buffer.concat([head, iv, cipher.getAuthTag(), ...sealed]).toString("base64");
}

function contextOf(context: unknown): Buffer {
  const pairs = Object.entries((context ?? {}) as Record<string, string>).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify(pairs));
}

function bytesOf({ NumberOfBytes }: Json, max: number): number {
  const count = Number(NumberOfBytes);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new AwsError("ValidationException", `NumberOfBytes must be from 1 to ${max}`);
}
