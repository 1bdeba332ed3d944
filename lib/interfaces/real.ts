/** Node's own classes, whatever stands in their place later. */
export interface RealClasses {
  readonly Headers: typeof Headers;
  readonly Request: typeof Request;
  readonly Response: typeof Response;
}

const names = ['Headers', 'Request', 'Response'] as const;

/** The properties as they were when this module was loaded. On Node 20 they are getters, which load undici: 16 ms, a
 *  quarter of a start, and most servers never need it. From Node 22 on they are lazy values, which even a look at the
 *  property loads, and nothing else leads to the classes later; there importing node:http loads undici, too. */
const properties = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));

let reached: RealClasses | undefined;
const waiting: ((real: RealClasses) => void)[] = [];

/** Node's own classes; undici is loaded the first time that somebody asks. */
export function real(): RealClasses {
  if (reached === undefined) {
    const [headers, request, response] = names.map((name, index) => reach(name, properties[index]));
    reached = { Headers: headers, Request: request, Response: response } as RealClasses;
    for (const use of waiting.splice(0)) use(reached);
  }
  return reached;
}

/** Call `use` when Node's own classes are there: now, or when somebody asks for them. */
export function whenReal(use: (real: RealClasses) => void): void {
  if (reached === undefined) waiting.push(use);
  else use(reached);
}

/** Whether somebody else may hold one of the classes, because a global is no longer the getter that it was. */
export function isRealKnown(): boolean {
  return names.some((name) => Object.getOwnPropertyDescriptor(globalThis, name)?.get === undefined);
}

/** The getter puts the class in its own place, which may be another's by now. */
function reach(name: (typeof names)[number], property: PropertyDescriptor | undefined): unknown {
  if (property?.get === undefined) return property?.value;
  const current = Object.getOwnPropertyDescriptor(globalThis, name);
  const value: unknown = property.get.call(globalThis);
  if (current !== undefined && current.get !== property.get) Object.defineProperty(globalThis, name, current);
  return value;
}
