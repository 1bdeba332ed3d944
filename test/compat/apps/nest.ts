import 'reflect-metadata';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  Delete,
  type ExceptionFilter,
  Get,
  Header,
  Headers,
  HttpCode,
  HttpException,
  Module,
  Param,
  Post,
  Put,
  Query,
  Redirect,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { streamedFile } from './application.js';

// What both platforms of Nest serve. The decorators are applied by hand: what runs TypeScript here writes no types
// of parameters into the program, and Nest without decorators is still Nest.

class Routes {
  hello() {
    return 'Hello, World!';
  }
  user(id: string, q: string) {
    return { id, q };
  }
  json(body: unknown) {
    return body;
  }
  echo(body: unknown) {
    return body;
  }
  empty() {}
  redirect() {}
  headers(ask: string, res: ServerResponse) {
    const raw = 'raw' in res ? (res.raw as ServerResponse) : res;
    raw.setHeader('X-Two', ['one', 'two']);
    raw.setHeader('Set-Cookie', ['a=1', 'b=2']);
    return ask;
  }
  file() {
    return new StreamableFile(createReadStream(streamedFile), { type: 'application/json' });
  }
  raw(req: IncomingMessage, res: ServerResponse) {
    const { socket } = 'raw' in req ? (req.raw as IncomingMessage) : req;
    const raw = 'raw' in res ? (res.raw as ServerResponse) : res;
    raw.end(`raw ${socket.remoteAddress}`);
  }
  throws() {
    throw new Error('thrown');
  }
  async rejects() {
    throw new Error('rejected');
  }
  async later() {
    await new Promise(setImmediate);
    return 'later';
  }
}

class Handled implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const reply = host.switchToHttp().getResponse<{
      status(code: number): { send(body: string): void };
    }>();
    reply.status(status).send(`handled: ${error.message}`);
  }
}

/** Apply what `@A() @B()` before the method would. */
function method(name: keyof Routes, ...decorators: readonly MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(Routes.prototype, name) as PropertyDescriptor;
  for (const decorate of decorators) decorate(Routes.prototype, name, descriptor);
}

/** Apply what `(@A() a, @B() b)` in the parameters would. */
function parameters(name: keyof Routes, ...decorators: readonly ParameterDecorator[]): void {
  decorators.forEach((decorate, index) => {
    decorate(Routes.prototype, name, index);
  });
}

method('hello', Get('/'));
method('user', Get('users/:id'));
parameters('user', Param('id'), Query('q'));
method('json', Post('json'), HttpCode(200));
parameters('json', Body());
method('echo', Put('echo'));
parameters('echo', Body());
method('empty', Delete('empty'), HttpCode(204));
method('redirect', Get('redirect'), Redirect('/'));
method('headers', Get('headers'), HttpCode(201), Header('X-Nest', 'yes'));
parameters('headers', Headers('x-ask'), Res({ passthrough: true }));
method('file', Get('file'));
method('raw', Get('raw'));
parameters('raw', Req(), Res());
method('throws', Get('throw'));
method('rejects', Get('reject'));
method('later', Get('later'));
Controller()(Routes);
Catch()(Handled);

/** The module; `handled` is its filter for errors. */
export class Application {}
Module({ controllers: [Routes] })(Application);

export const handled = new Handled();
