import * as application from './apps/polka.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
