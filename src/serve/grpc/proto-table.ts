import { create } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  OneofDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'

/*
 * Protobuf files written as tables, since there is no compiler here: what a client downloads by
 * reflection and what this server reads and writes come from the same lines.
 */

/**
 * A field: `1 string`, `3 repeated int64`, `4 map InferParameter`; `1 bool of choice` is one of a
 * oneof. A type that is no scalar is a message, named from the package.
 */
export type Messages = Readonly<Record<string, Readonly<Record<string, string>>>>

/** `[request, answer]`; `stream ` before a name where there are many. */
export type Methods = Readonly<Record<string, readonly [string, string]>>

export interface ProtoFile {
  readonly name: string
  readonly package: string
  /** A name with a dot stands inside of the message before the dot. */
  readonly messages: Messages
  readonly services: Readonly<Record<string, Methods>>
  /** `Outer.Name`: the values, from 0 on. */
  readonly enums?: Readonly<Record<string, readonly string[]>>
}

const scalars: Readonly<Record<string, Type>> = {
  bool: Type.BOOL,
  int32: Type.INT32,
  int64: Type.INT64,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
  float: Type.FLOAT,
  double: Type.DOUBLE,
  string: Type.STRING,
  bytes: Type.BYTES,
}

export function fileDescriptor(file: ProtoFile): FileDescriptorProto {
  const messages = new Map<string, DescriptorProto>()
  for (const [name, fields] of Object.entries(file.messages)) {
    const message = messageOf(file, name, fields)
    messages.set(name, message)
    const dot = name.lastIndexOf('.')
    if (dot > 0) messages.get(name.slice(0, dot))!.nestedType.push(message)
  }
  for (const [name, values] of Object.entries(file.enums ?? {})) {
    const dot = name.lastIndexOf('.')
    const made = create(EnumDescriptorProtoSchema, {
      name: name.slice(dot + 1),
      value: values.map((value, number) => ({ name: value, number })),
    })
    messages.get(name.slice(0, dot))!.enumType.push(made)
  }
  return create(FileDescriptorProtoSchema, {
    name: file.name,
    package: file.package,
    syntax: 'proto3',
    messageType: [...messages].filter(([name]) => !name.includes('.')).map(([, each]) => each),
    service: Object.entries(file.services).map(([name, methods]) => ({
      name,
      method: Object.entries(methods).map(([method, [input, output]]) => ({
        name: method,
        inputType: typeName(file, input.replace('stream ', '')),
        outputType: typeName(file, output.replace('stream ', '')),
        clientStreaming: input.startsWith('stream '),
        serverStreaming: output.startsWith('stream '),
      })),
    })),
  })
}

function messageOf(
  file: ProtoFile,
  name: string,
  fields: Readonly<Record<string, string>>,
): DescriptorProto {
  const message = create(DescriptorProtoSchema, { name: name.slice(name.lastIndexOf('.') + 1) })
  const oneofs: string[] = []
  for (const [field, spec] of Object.entries(fields)) {
    const [number, ...words] = spec.split(' ')
    const [first, second, choice] = words
    const isMap = first === 'map'
    if (isMap) message.nestedType.push(mapEntry(file, field, second!))
    const isList = isMap || first === 'repeated'
    const type = isMap ? `${name}.${entryName(field)}` : isList ? second! : first!
    const made = fieldOf(file, field, Number(number), type)
    if (isList) made.label = Label.REPEATED
    else if (second === 'of') {
      if (!oneofs.includes(choice!)) oneofs.push(choice!)
      made.oneofIndex = oneofs.indexOf(choice!)
    }
    message.field.push(made)
  }
  message.oneofDecl = oneofs.map(each => create(OneofDescriptorProtoSchema, { name: each }))
  return message
}

function fieldOf(file: ProtoFile, name: string, number: number, type: string) {
  const scalar = scalars[type]
  const isEnum = file.enums?.[type] !== undefined
  return create(FieldDescriptorProtoSchema, {
    name,
    number,
    label: Label.OPTIONAL,
    type: scalar ?? (isEnum ? Type.ENUM : Type.MESSAGE),
    typeName: scalar === undefined ? typeName(file, type) : '',
    jsonName: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  })
}

function mapEntry(file: ProtoFile, field: string, type: string): DescriptorProto {
  return create(DescriptorProtoSchema, {
    name: entryName(field),
    field: [fieldOf(file, 'key', 1, 'string'), fieldOf(file, 'value', 2, type)],
    options: { mapEntry: true },
  })
}

/** `raw_names` to `RawNamesEntry`, as protoc names it. */
function entryName(field: string): string {
  return `${field.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Entry`
}

function typeName(file: ProtoFile, type: string): string {
  return `.${file.package}.${type}`
}
