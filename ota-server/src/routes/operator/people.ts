import { type User, userPasswordSchema, userRequestSchema, userRoleSchema } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { hashPassword } from '../../access/passwords.ts';
import type { ServerContext } from '../../context.ts';
import type { Member } from '../../store/people.ts';
import { fleetOf, principalOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

type Named = { Params: { name: string } };

/** Routes below /api/v1/users: the people of the caller's fleet. */
export function peopleRoutes(scope: FastifyInstance, { store: { accounts }, endings }: ServerContext): void {
  const isServerWide = (request: FastifyRequest): boolean => principalOf(request).scopes.has('server');
  const member = async (request: FastifyRequest<Named>): Promise<Member> => {
    const { name } = request.params;
    const found = await fleetOf(request).store.people.getMember(name);
    if (found === null) throw new NodeosError('NOT_FOUND', `there is no user ${name.slice(0, 64)} in this fleet`);
    return found;
  };
  /** Who may be changed here must not be somebody with more elsewhere. @throws NodeosError FORBIDDEN */
  const demandOwn = async (request: FastifyRequest<Named>, { user, server }: Member): Promise<void> => {
    if (isServerWide(request)) return;
    const elsewhere = (await accounts.memberships(user)).some(({ fleet }) => fleet !== fleetOf(request).id);
    if (server || elsewhere)
      throw new NodeosError('FORBIDDEN', `${user} belongs to more than this fleet`, {
        hint: 'An administrator of the server can change this user.',
      });
  };

  scope.get('/api/v1/users', async (request) => ({
    users: (await fleetOf(request).store.people.listMembers()).map(describe),
  }));

  scope.post('/api/v1/users', async (request): Promise<User> => {
    const schema = userRequestSchema as z.ZodType<z.infer<typeof userRequestSchema>>;
    const { name, password, role, server } = validate(schema, request.body, 'user');
    if (server && !isServerWide(request))
      throw new NodeosError('FORBIDDEN', 'only an administrator of the server can make another one');
    const isTaken = async (): Promise<boolean> => (await accounts.getUser(name)) !== null;
    const taken = new NodeosError('CONFLICT', `the user name ${name} is taken`, { hint: 'Choose another name.' });
    if (await isTaken()) throw taken;
    const createdAt = Date.now();
    const user = { name, password: await hashPassword(password), server, createdAt };
    // Hashing takes a while: of two requests with one name, one is late.
    await accounts.addUser(user).catch(async (error) => {
      throw (await isTaken()) ? taken : error;
    });
    await fleetOf(request).store.people.setMember(name, role);
    return { name, role, server, createdAt };
  });

  scope.put<Named>('/api/v1/users/:name/role', async (request): Promise<User> => {
    const { role } = validate(userRoleSchema, request.body, 'role');
    const { people } = fleetOf(request).store;
    const { name } = request.params;
    // An administrator of the server brings somebody of one fleet into another by giving a role there.
    const joins = isServerWide(request) && (await accounts.getUser(name)) !== null;
    if (!joins) await member(request);
    await people.setMember(name, role);
    endings.end(`user ${name}`);
    return describe(await member(request));
  });

  scope.put<Named>('/api/v1/users/:name/password', async (request, reply) => {
    const { password } = validate(userPasswordSchema, request.body, 'password');
    const found = await member(request);
    await demandOwn(request, found);
    await accounts.setPassword(found.user, await hashPassword(password));
    for (const { hash } of await accounts.listSessions(found.user, 0)) await accounts.removeSession(hash);
    endings.end(`user ${found.user}`);
    return reply.code(204).send();
  });

  scope.delete<Named>('/api/v1/users/:name', async (request, reply) => {
    validate(nothingSchema, request.body, 'user');
    const found = await member(request);
    if (found.server && !isServerWide(request))
      throw new NodeosError('FORBIDDEN', `${found.user} is an administrator of the server`);
    const { people } = fleetOf(request).store;
    for (const token of await people.listApiTokens())
      if (token.user === found.user) await people.removeApiToken(token.id);
    await people.removeMember(found.user);
    if ((await accounts.memberships(found.user)).length === 0) await accounts.removeUser(found.user);
    endings.end(`user ${found.user}`);
    return reply.code(204).send();
  });
}

const describe = ({ user, role, server, createdAt }: Member): User => ({ name: user, role, server, createdAt });
