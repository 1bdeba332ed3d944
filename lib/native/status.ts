import { ChaussetteError } from '../errors.js';

/** @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE unless it is a whole number from 200 to 999. */
export function checkFinalStatus(status: number): void {
  if (Number.isInteger(status) && status >= 200 && status <= 999) return;
  throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', `${status} is not the status of a final response`, {
    hint: 'Use a whole number from 200 to 999.',
  });
}

/** @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE unless it is a whole number from 100 to 199, and not 101. */
export function checkInfoStatus(status: number): void {
  if (Number.isInteger(status) && status >= 100 && status <= 199 && status !== 101) return;
  throw new ChaussetteError(
    'CHAUSSETTE_ERR_RESPONSE',
    `${status} is not the status of an informational response`,
    {
      hint: 'Use a whole number from 100 to 199, but not 101.',
    },
  );
}
