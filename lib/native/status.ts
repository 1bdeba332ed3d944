import { ChaussetteError } from '../errors.js';

/** @param isSent Whether there was a head already. @param isNodes node:http takes an informational status for the last
 *  one, and has checked it.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_RESPONSE unless it is the first, and a whole number from 200 to 999. */
export function checkFinal(isSent: boolean, status: number, isNodes: boolean): void {
  if (isSent) {
    throw new ChaussetteError('CHAUSSETTE_ERR_RESPONSE', 'the response head is already sent', {
      hint: 'Answer each request once.',
    });
  }
  if (!isNodes) checkFinalStatus(status);
}

function checkFinalStatus(status: number): void {
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
