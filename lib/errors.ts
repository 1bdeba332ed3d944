/** Every error that Chaussette raises on purpose, by code, with the exit status that the command gives it. */
const exitStatus = {
  CHAUSSETTE_ERR_INTERNAL: 1,
  CHAUSSETTE_ERR_USAGE: 2,
  CHAUSSETTE_ERR_APP_NOT_FOUND: 3,
  CHAUSSETTE_ERR_APP_THREW: 3,
  CHAUSSETTE_ERR_APP_NO_EXPORT: 3,
  CHAUSSETTE_ERR_APP_INVALID: 3,
  CHAUSSETTE_ERR_PASTE: 3,
  CHAUSSETTE_ERR_SOCKET: 4,
  CHAUSSETTE_ERR_BIND: 4,
  CHAUSSETTE_ERR_BACKEND: 5,
  CHAUSSETTE_ERR_HOOK: 6,
  CHAUSSETTE_ERR_NOT_SERVING: 1,
  CHAUSSETTE_ERR_RESPONSE: 1,
  CHAUSSETTE_ERR_ABORTED: 1,
  CHAUSSETTE_ERR_BODY: 1,
} as const;

/** What a `ChaussetteError` is told apart by. An error of the start ends the command with the exit status of its code. */
export type ErrorCode = keyof typeof exitStatus;

/** What failed, with which value, and what to do about it. Match by `code`, never by the message.
 *  @param code A key of the table above.
 *  @param message One sentence: names the value and what is wrong with it.
 *  @param options `hint`: one sentence, what to do; `cause`: the error underneath. */
export class ChaussetteError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'ChaussetteError';
    this.code = code;
    this.hint = options.hint;
  }

  /** The status that the command ends with when this error reaches it; 1 to 6. */
  get exitStatus(): number {
    return exitStatus[this.code];
  }
}
