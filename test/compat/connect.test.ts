import * as application from './apps/connect.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
