// The entry of the worker that renders chat templates, in Node and in browsers. Plain JavaScript, because the same file is loaded from the sources
// and from the build; `template-protocol.ts` has the types of its messages. As the entry of a worker it does listen on import.
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';

const maxItems = 100_000;

/** A limit that the template ran into; not a mistake in it. */
class LimitError extends Error {}

/** What the template itself raised. */
class RefusalError extends Error {}

/** A mistake that keeps the template from being parsed. */
class SyntaxMistake extends Error {
  constructor(cause, line) {
    super(messageOf(cause));
    this.line = line;
  }
}

function messageOf(error) {
  return String(error?.message ?? error);
}

/** Checks the size of every value: one huge allocation takes the whole process down, not only the worker. */
class BoundedInterpreter extends Interpreter {
  constructor(environment, maxLength) {
    super(environment);
    this.maxLength = maxLength;
  }

  evaluate(node, environment) {
    const result = super.evaluate(node, environment);
    const value = result?.value;
    if (typeof value === 'string' && value.length > this.maxLength)
      throw new LimitError(`makes a text of more than ${this.maxLength} characters`);
    if (Array.isArray(value) && value.length > maxItems)
      throw new LimitError(`makes a list of more than ${maxItems} items`);
    return result;
  }
}

function range(start, stop, step = 1) {
  const from = stop === undefined ? 0 : start;
  const to = stop === undefined ? start : stop;
  if (![from, to, step].every(Number.isInteger) || step === 0)
    throw new Error('range() takes integers and a step other than 0');
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (length > maxItems) throw new LimitError(`makes a range of more than ${maxItems} items`);
  return Array.from({ length }, (_, index) => from + index * step);
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Python's strftime in the C locale, for what templates use. */
function strftime(date, format) {
  const two = (value) => String(value).padStart(2, '0');
  const fields = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    b: () => months[date.getMonth()].slice(0, 3),
    B: () => months[date.getMonth()],
    a: () => days[date.getDay()].slice(0, 3),
    A: () => days[date.getDay()],
    H: () => two(date.getHours()),
    I: () => two(date.getHours() % 12 || 12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    '%': () => '%',
  };
  return String(format).replace(/%([A-Za-z%])/g, (whole, name) =>
    Object.hasOwn(fields, name) ? fields[name]() : whole,
  );
}

/** Line and end of every tag in the template. */
function tagsOf(template) {
  const tags = [];
  let line = 1;
  let counted = 0;
  for (const { index, 0: tag } of template.matchAll(
    /\{#[\s\S]*?#\}|\{%(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|[^'"])*?%\}|\{\{(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|[^'"])*?\}\}/g,
  )) {
    for (; counted < index; counted++) if (template[counted] === '\n') line++;
    // The lexer drops these before it counts.
    if (!/^\{%-?\s*(?:end)?generation\s*-?%\}$/.test(tag)) tags.push({ line, end: index + tag.length });
  }
  return tags;
}

const blocks = { lstrip_blocks: true, trim_blocks: true };

/** The line of the first tag that the lexer cannot read: it fails on every beginning that includes that tag. */
function lexerLine(template, tags) {
  let low = 0;
  let high = tags.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    try {
      tokenize(template.slice(0, tags[middle].end), blocks);
      low = middle + 1;
    } catch {
      high = middle;
    }
  }
  return tags[low]?.line ?? template.split('\n').length;
}

/** Parses; a mistake comes with the line of the tag where the parser stood. The library has no positions, so tags are counted. */
function parseTemplate(template) {
  let tokens;
  try {
    tokens = tokenize(template, blocks);
  } catch (error) {
    throw new SyntaxMistake(error, lexerLine(template, tagsOf(template)));
  }
  let furthest = 0;
  const watched = new Proxy(tokens, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) furthest = Math.max(furthest, Number(key));
      return target[key];
    },
  });
  try {
    return parse(watched);
  } catch (error) {
    const opened = tokens
      .slice(0, furthest + 1)
      .filter(({ type }) => type === 'OpenStatement' || type === 'OpenExpression' || type === 'Comment').length;
    throw new SyntaxMistake(error, tagsOf(template)[opened - 1]?.line ?? 1);
  }
}

function render(program, variables, now, maxOutputLength) {
  const environment = new Environment();
  const globals = {
    false: false,
    true: true,
    none: null,
    False: false,
    True: true,
    None: null,
    range,
    raise_exception: (message) => {
      throw new RefusalError(String(message));
    },
    strftime_now: (format) => strftime(now, format),
  };
  for (const [name, value] of [...Object.entries(globals), ...Object.entries(variables)]) environment.set(name, value);
  return new BoundedInterpreter(environment, maxOutputLength).run(program).value;
}

function kindOf(error) {
  if (error instanceof LimitError) return 'limit';
  if (error instanceof RefusalError) return 'refused';
  return error instanceof SyntaxMistake ? 'syntax' : 'runtime';
}

function failure(error) {
  return { kind: kindOf(error), message: messageOf(error), line: error?.line };
}

function answer({ template, variables, now, maxOutputLength }) {
  let program;
  try {
    program = parseTemplate(template);
  } catch (error) {
    return { error: failure(error) };
  }
  // One set of variables may fail where another does not.
  const results = variables.map((set) => {
    try {
      return { text: render(program, set, new Date(now), maxOutputLength) };
    } catch (error) {
      return { error: failure(error) };
    }
  });
  return { results };
}

const port = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
if (port) {
  port.on('message', (request) => port.postMessage(answer(request)));
  port.postMessage('ready');
} else {
  globalThis.onmessage = ({ data }) => globalThis.postMessage(answer(data));
  globalThis.postMessage('ready');
}
