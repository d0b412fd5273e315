/** What the views of an active run are made from. */
import { type Catalog } from '../catalog/catalog.ts';
import { type Dispatcher } from '../dispatch/dispatcher.ts';

export interface ViewSources {
  readonly catalog: Catalog;
  readonly dispatcher: Dispatcher;
}
