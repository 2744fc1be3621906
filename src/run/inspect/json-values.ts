/**
 * Values of state as JSON and back, without loss: what JSON has no form for is an object with one property that begins
 * with `$`.
 *
 *   {"$map":[[k,v],…]}  {"$set":[…]}  {"$date":ms}  {"$bigint":"12"}  {"$bytes":"base64"}  {"$undefined":true}
 *   {"$number":"NaN"}   {"$typed":["Float64Array",[…]]}   {"$object":{…}}: one that looks like these
 *
 * Pure.
 */
const NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
  '-0': -0,
};
const TYPED: Readonly<Record<string, new (values: never) => ArrayLike<unknown>>> = {
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

/** Plain JSON data. */
export function toJson(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return { $undefined: true };
    case 'bigint':
      return { $bigint: String(value) };
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'object':
      return value === null ? null : objectToJson(value);
    default:
      return value;
  }
}

function objectToJson(value: object): unknown {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return { $map: [...value].map(([k, v]) => [toJson(k), toJson(v)]) };
  if (value instanceof Set) return { $set: [...value].map(toJson) };
  if (value instanceof Date) return { $date: toJson(value.getTime()) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (ArrayBuffer.isView(value)) {
    const values = Array.from(value as unknown as ArrayLike<unknown>, toJson);
    return { $typed: [value.constructor.name, values] };
  }
  const entries = Object.entries(value);
  const plain = Object.fromEntries(entries.map(([key, each]) => [key, toJson(each)]));
  return entries.length === 1 && entries[0]![0].startsWith('$') ? { $object: plain } : plain;
}

/** What `toJson` was given. @throws TypeError for a form that it doesn't give */
export function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json);
  const [form, inner] = entries[0] ?? [];
  if (entries.length === 1 && form!.startsWith('$')) return special(form!, inner);
  return objectOf(json);
}

function special(form: string, inner: unknown): unknown {
  switch (form) {
    case '$undefined':
      return undefined;
    case '$bigint':
      return BigInt(inner as string);
    case '$number':
      if (!Object.hasOwn(NUMBERS, inner as string)) break;
      return NUMBERS[inner as string];
    case '$map':
      return new Map((inner as unknown[][]).map(([k, v]) => [fromJson(k), fromJson(v)]));
    case '$set':
      return new Set((inner as unknown[]).map(fromJson));
    case '$date':
      return new Date(fromJson(inner) as number);
    case '$bytes':
      return new Uint8Array(Buffer.from(inner as string, 'base64'));
    case '$typed': {
      const [name, values] = inner as [string, unknown[]];
      const make = Object.hasOwn(TYPED, name) ? TYPED[name] : undefined;
      if (make === undefined) break;
      return new make(values.map(fromJson) as never);
    }
    case '$object':
      return objectOf(inner as object);
  }
  throw new TypeError(`${JSON.stringify({ [form]: inner })} is no value`);
}

function objectOf(json: object): unknown {
  return Object.fromEntries(Object.entries(json).map(([key, each]) => [key, fromJson(each)]));
}
