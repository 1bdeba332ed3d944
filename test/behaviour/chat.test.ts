// examples/chat in a real browser: two pages talk, while the worker behind the socket is replaced.
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { descriptors } from '../../lib/native/binding.js';
import { testedBackends } from '../helpers/backends.js';
import { chaussette, missing, Running } from '../helpers/processes.js';

const [node = '', script = ''] = chaussette.split(' ');
const quiet =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** Somebody who has joined the chat, in a profile of their own. */
class Person {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async join(browser: Browser, port: number, name: string): Promise<Person> {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    const person = new Person(page);
    await person.state('websocket');
    await page.getByLabel('Your name').fill(name);
    await page.getByRole('button', { name: 'Join' }).click();
    return person;
  }

  /** Wait until the page says how it is connected. */
  state(text: string): Promise<void> {
    return this.page.locator('#state', { hasText: text }).waitFor();
  }

  people(names: string): Promise<void> {
    return this.page.locator('#people', { hasText: names }).waitFor();
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message').fill(text);
    await this.page.keyboard.press('Enter');
  }

  sees(name: string, text: string): Promise<void> {
    return this.page.locator('li', { hasText: `${name}${text}` }).waitFor();
  }
}

function worker(t: TestContext, backend: string, fd: number): Running {
  return new Running(t, node, [script, '--fd', '3', '--backend', backend, 'examples/chat/server.js'], {
    stdio: ['ignore', 'pipe', 'pipe', fd],
  });
}

describe('the chat', { skip: missing('chromium') }, () => {
  for (const backend of testedBackends) {
    test(`two pages talk and outlive a restart, ${backend}`, async (t) => {
      const { listenTcp, inspect } = descriptors();
      const fd = listenTcp('127.0.0.1', 0, 511, false);
      t.after(() => closeSync(fd));
      const about = inspect(fd);
      const port = typeof about === 'number' ? 0 : (about.port ?? 0);
      const executablePath = '/usr/bin/chromium';
      const browser = await chromium.launch({ executablePath, args: quiet.split(' ') });
      t.after(() => browser.close());

      const first = worker(t, backend, fd);
      const ada = await Person.join(browser, port, 'Ada');
      const grace = await Person.join(browser, port, 'Grace');
      await ada.people('Ada, Grace');
      await ada.say('Is <b>anybody</b> there?');
      await grace.sees('Ada', 'Is <b>anybody</b> there?');
      await grace.say('I am.');
      await ada.sees('Grace', 'I am.');

      assert.equal(await first.stop(), '0', first.output);
      await ada.state('reconnecting');
      await grace.state('reconnecting');
      const second = worker(t, backend, fd);
      await ada.state('websocket');
      await ada.people('Ada, Grace');
      await grace.say('And still here.');
      await ada.sees('Grace', 'And still here.');
      await ada.page.close();
      await grace.people('Grace');
      assert.equal(await second.stop(), '0', second.output);
    });
  }
});
