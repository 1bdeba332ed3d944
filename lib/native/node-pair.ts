import type { Handler } from '../exchange.js';
import type { PairFactory } from './turn.js';

export function createPairFactory(_handler: Handler): PairFactory {
  return () => {
    throw new Error('not there yet');
  };
}
